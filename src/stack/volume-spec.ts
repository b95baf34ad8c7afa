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
  const parts = text.split(':');
  if (parts.length > 3) return `expected [SOURCE:]TARGET[:OPTIONS], got too many colons in ${JSON.stringify(text)}`;
  if (parts.includes('')) return `expected [SOURCE:]TARGET[:OPTIONS], got an empty section between colons in ${JSON.stringify(text)}`;
  const [first = '', second, options] = parts;
  if (second === undefined) return { type: 'volume', target: first, volume: {} };
  const bind = isPath(first);
  let readOnly = false;
  let details: Record<string, string | boolean> = {};
  for (const option of (options ?? '').split(',')) {
    if (option === 'ro') readOnly = true;
    else if (bind && propagations.includes(option)) details = { ...details, propagation: option };
    else if (bind && (option === 'z' || option === 'Z')) details = { ...details, selinux: option };
    else if (!bind && option === 'nocopy') details = { ...details, nocopy: true };
  }
  return { type: bind ? 'bind' : 'volume', source: first, target: second, ...(readOnly ? { read_only: true } : {}), [bind ? 'bind' : 'volume']: details };
}

/** A source is a path where it starts with `.`, `/` or `~`; else it is a volume's name. */
export function isPath(source: string): boolean {
  return /^[./~]/.test(source);
}

/** The path in the container of a short or long mount that is a string; '' where there is none. */
export function targetOfSpec(text: string): string {
  const spec = parseVolumeSpec(text);
  return typeof spec === 'string' ? '' : (spec.target ?? '');
}
