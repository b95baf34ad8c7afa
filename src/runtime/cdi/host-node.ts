import type { Stats } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import { linkStatOf } from '../../state/stat-of.ts';
import { splitNumber } from '../container/device-numbers.ts';
import type { OciDevice } from '../container/oci.ts';
import type { CdiNode } from './cdi-spec.ts';

/** Where the file says nothing else, whoever has the device may open it, as in Docker: the container's user may be anybody. */
const MODE = 0o666;

/** A device node with what its file leaves open taken from the host's. Throws BayplanError `bad-request` where that is not there, or another one. */
export function hostNode(node: CdiNode): OciDevice {
  const { path, hostPath = '', type = '', major = 0, minor = 0, fileMode } = node;
  const from = hostPath === '' ? path : hostPath;
  const found = linkStatOf(from);
  const made = { path, fileMode: (fileMode ?? MODE) & 0o7777, uid: 0, gid: 0 };
  if (type === 'p') return { ...made, type, major: 0, minor: 0 };
  if (type !== '' && major !== 0) return { ...made, type, major, minor };
  const kind = found === undefined ? null : kindOf(found);
  if (found === undefined || kind === null) throw new BayplanError('bad-request', `a CDI device wants ${from}, and ${found === undefined ? 'there is none on this machine' : 'that is no device'}`);
  if (kind === 'p') return { ...made, type: 'p', major: 0, minor: 0 };
  if (type !== '' && type !== kind && !(type === 'u' && kind === 'c')) throw new BayplanError('bad-request', `a CDI device wants ${from} to be of type "${type}", and it is of "${kind}"`);
  return { ...made, type: kind, ...splitNumber(found.rdev) };
}

function kindOf(found: Stats): 'b' | 'c' | 'p' | null {
  return found.isBlockDevice() ? 'b' : found.isCharacterDevice() ? 'c' : found.isFIFO() ? 'p' : null;
}
