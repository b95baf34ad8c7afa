/** What is wrong with the options of driver `local` (Docker's rules); null: nothing. */
export function driverOptsProblem(options: Readonly<Record<string, string>>): string | null {
  const unknown = Object.keys(options).find((key) => !['type', 'device', 'o'].includes(key));
  if (unknown !== undefined) return `unknown option "${unknown}" of driver "local": expected type, device and o`;
  const { type = '', device = '', o = '' } = options;
  if (type === '' && device === '' && o === '') return null;
  if (device === '') return `expected "device" beside "${type === '' ? 'o' : 'type'}", got none`;
  if (type === '') return 'expected "type" beside "device" (nfs, tmpfs, ext4, …; "none" for a bind), got none';
  return null;
}
