import { normalize } from 'node:path/posix';

/** A mount in Compose's long form. Paths are as written. */
export interface VolumeConfig {
  readonly type: string;
  readonly source?: string;
  readonly target?: string;
  readonly read_only?: boolean;
  readonly consistency?: string;
  readonly bind?: { readonly propagation?: string; readonly create_host_path?: boolean; readonly recursive?: 'enabled' | 'disabled' | 'writable' | 'readonly'; readonly selinux?: string };
  readonly volume?: { readonly labels?: Readonly<Record<string, string | null>>; readonly nocopy?: boolean; readonly subpath?: string };
  readonly tmpfs?: { /** Bytes, as decimal text. */ readonly size?: string; readonly mode?: number };
  readonly image?: { readonly subpath?: string };
}

export const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];

/** `[SOURCE:]TARGET[:OPTIONS]` (compose-spec 05-services, `volumes`): its long form, or what is wrong with it. */
export function parseVolumeSpec(text: string): VolumeConfig | string {
  if (text === '') return 'expected [SOURCE:]TARGET[:OPTIONS], got an empty string';
  if (Buffer.byteLength(text) < 3) return { type: 'volume', target: text };
  const parts = sections(text);
  if (parts.length > 3) return `expected [SOURCE:]TARGET[:OPTIONS], got too many colons in ${JSON.stringify(text)}; a path that has one in it needs the long form: type, source, target`;
  if (parts.includes('')) return `expected [SOURCE:]TARGET[:OPTIONS], got an empty section between colons in ${JSON.stringify(text)}`;
  const [first = '', second, options = ''] = parts;
  if (second === undefined) return { type: 'volume', target: cleanPath(first), volume: {} };
  const given = options.split(',');
  const bind = isPath(first);
  const propagation = given.findLast((option) => propagations.includes(option));
  const selinux = given.findLast((option) => option === 'z' || option === 'Z');
  const bound = { ...(selinux === undefined ? {} : { selinux }), ...(propagation === undefined ? {} : { propagation }) };
  const nocopy = given.includes('nocopy');
  return {
    type: bind ? 'bind' : 'volume', source: first, target: cleanPath(second),
    ...(given.findLast((option) => option === 'ro' || option === 'rw') === 'ro' ? { read_only: true } : {}),
    // Options of the other kind are kept as well, as docker compose does; they mean nothing.
    ...(bind ? { bind: { ...bound, create_host_path: true } } : Object.keys(bound).length > 0 ? { bind: bound } : {}),
    ...(nocopy ? { volume: { nocopy } } : bind ? {} : { volume: {} }),
  };
}

/** Parts between colons; not those of a Windows drive, nor within a variable that was not filled in. */
function sections(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === '$' && text[at + 1] === '{') depth++;
    else if (char === '}' && depth > 0) depth--;
    if (char === ':' && depth === 0 && !/^\p{L}$/u.test(part)) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  return [...parts, part];
}

/** A source is a path where it starts with `.`, `/` or `~`, or as paths of Windows do; else it is a volume's name. */
export function isPath(source: string): boolean {
  return /^([./~]|\\\\|\p{L}:)/u.test(source);
}

/** `C:\\x`, `c:/x` or `\\\\host\\share`: absolute, whatever this system thinks. */
export function isWindowsPath(source: string): boolean {
  return /^(.:[\\/]|[\\/]{2}[^\\/])/.test(source);
}

/** A path in a container without `.`, `..`, double and closing slashes. */
export function cleanPath(path: string): string {
  const clean = normalize(path);
  return clean.length > 1 ? clean.replace(/\/$/, '') : clean;
}

/** The path in the container of a short or long mount that is a string; '' where there is none. */
export function targetOfSpec(text: string): string {
  const spec = parseVolumeSpec(text);
  return typeof spec === 'string' ? '' : (spec.target ?? '');
}
