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

/** Options of file systems that hold a secret: mount.cifs(8), mount.ceph(8), mount.davfs(8). */
const SECRET = /^(pass|passwd|password|password2|secret)=.*$/s;

/** The option "o" for people to see: its secrets left out. */
export function shownOptions(o: string): string {
  return o.split(',').map((option) => option.replace(SECRET, '$1=…')).join(',');
}

/** The same of all options of a volume. */
export function shownDriverOpts(options: Readonly<Record<string, string>>): Record<string, string> {
  return { ...options, ...(options['o'] === undefined ? {} : { o: shownOptions(options['o']) }) };
}
