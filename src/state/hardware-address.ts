/** Six bytes, of a single station: the lowest bit of the first one is that of groups, and all zero is none. */
export function isHardwareAddress(value: string): boolean {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(value) && Number.parseInt(value.slice(0, 2), 16) % 2 === 0 && /[1-9a-f]/i.test(value);
}
