/** An absolute path below each hierarchy's root, as Docker reads it: a relative one begins at the root too. '' stays. */
export function cgroupParentOf(text: string): string {
  const parts = text.split('/').filter((part) => part !== '' && part !== '.');
  return parts.length === 0 ? '' : `/${parts.join('/')}`;
}
