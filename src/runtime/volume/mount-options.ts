import { isIP } from 'node:net';
import type { VolumeSpec } from '../../state/volume.ts';

/** What a volume with `driver_opts` is a mount of. */
export interface MountRequest {
  readonly type: string;
  readonly source: string;
  /** Lists of options to try one after the other: a server may know only some versions of its protocol. */
  readonly attempts: readonly (readonly string[])[];
  /** The server that the mount speaks to, a name or an address; null: none. */
  readonly server: string | null;
}

const NETWORKED = new Set(['nfs', 'nfs4', 'cifs', 'smb3']);

/** Options of mount(8), fstab(5) and mount.nfs(8) that the kernel does not know; here nothing is tried again in the background. */
const NOT_THE_KERNELS = /^(defaults|auto|noauto|user|nouser|users|owner|group|nofail|_netdev|bg|fg|retry(=.*)?|comment=.*|x-.*)$/;
/** Said by `nfsvers`, `vers`, `minorversion` or as a word: `v4.2`. */
const VERSION = /^(?:(?:nfs)?vers=(.*)|v([234](?:\.\d)?)|(minorversion)=.*)$/;

/** Null for a volume that is a folder of the engine's own. */
export function mountRequestOf({ driverOpts: { type = '', device = '', o = '' } }: VolumeSpec): MountRequest | null {
  if (type === '' && device === '' && o === '') return null;
  const options = o.split(',').filter((option) => option !== '' && !NOT_THE_KERNELS.test(option));
  if (type === 'nfs' || type === 'nfs4') {
    // Either type takes every version; "nfs4" only means that version 3 is not wanted.
    return { type: 'nfs', source: device, attempts: nfsAttempts(options, type === 'nfs4'), server: serverOf(device, options) };
  }
  return { type, source: device, attempts: [options], server: NETWORKED.has(type) ? serverOf(device, options) : null };
}

/** Options with the server's address, without which the kernel does not look it up. */
export function withAddress(options: readonly string[], address: string): readonly string[] {
  return [...options.filter((option) => !option.startsWith('addr=')), `addr=${address}`];
}

/** Versions as mount.nfs(8) tries them: the newest first, unless the options say which. */
function nfsAttempts(options: readonly string[], four: boolean): readonly (readonly string[])[] {
  const said = options.map((option) => VERSION.exec(option)).filter((match) => match !== null);
  const version = said.map(([, value, word]) => value ?? word ?? '').find((text) => text !== '') ?? '';
  const exact = said.some(([, , , minor]) => minor !== undefined) || (version !== '' && version !== '4');
  if (exact) return [options];
  const rest = options.filter((option) => !VERSION.test(option));
  const versions = ['4.2', '4.1', '4.0', ...(four || version === '4' ? [] : ['3'])];
  return versions.map((one) => [...rest, `vers=${one}`]);
}

/** `addr=`, where the options have it; else what stands before the path: `server:/path`, `[fe80::1]:/path`, `//server/share`. */
function serverOf(device: string, options: readonly string[]): string | null {
  const said = options.find((option) => option.startsWith('addr='))?.slice('addr='.length) ?? '';
  if (said !== '') return said;
  const [, bracketed, plain, share] = /^(?:\[([^\]]+)\]:|([^:/]+):|\/\/([^/]+))/.exec(device) ?? [];
  return bracketed ?? plain ?? share ?? null;
}

export function isAddress(server: string): boolean {
  return isIP(server) !== 0;
}
