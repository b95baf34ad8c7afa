import { lstatSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Device } from '../../state/confinement.ts';
import { splitNumber } from './device-numbers.ts';
import type { OciDevice } from './oci.ts';

/** A device of the host in a container, and what may be done with it. */
export interface ContainerDevice { readonly node: HostDevice; readonly permissions: string }

interface HostDevice extends OciDevice { readonly type: 'b' | 'c' }

/** What a container makes for itself, and what is no device's place. */
const NOT_SHARED = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', '.udev', '.lxc', '.lxd-mounts', 'lxc']);

/** The devices that `devices` names: a folder stands for all in it and below, a link for what it leads to. Throws `bad-request` where there is none. */
export function devicesOf(devices: readonly Device[]): readonly ContainerDevice[] {
  return devices.flatMap(({ source, target, permissions }) => {
    const path = resolved(source);
    const at = target === '' ? source : target;
    const one = deviceAt(path, at);
    if (one !== null) return [{ node: one, permissions }];
    const inside = statSync(path).isDirectory() ? below(path, at) : [];
    if (inside.length === 0) throw new BayplanError('bad-request', `devices: "${source}": not a device node, nor a folder with any`);
    return inside.map((node) => ({ node, permissions }));
  });
}

/** All devices of the host, for a privileged container. */
export function allDevices(): readonly ContainerDevice[] {
  return below('/dev', '/dev').map((node) => ({ node, permissions: 'rwm' }));
}

function resolved(source: string): string {
  try {
    return realpathSync(source);
  } catch (error) {
    throw new BayplanError('bad-request', `devices: there is no ${source} on this machine`, { cause: error });
  }
}

function below(folder: string, target: string): readonly HostDevice[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_SHARED.has(entry.name)) return [];
    if (entry.isDirectory()) return below(join(folder, entry.name), join(target, entry.name));
    return entry.isCharacterDevice() || entry.isBlockDevice() ? deviceAt(join(folder, entry.name), join(target, entry.name)) ?? [] : [];
  });
}

function deviceAt(path: string, target: string): HostDevice | null {
  const found = lstatSync(path);
  const type = found.isCharacterDevice() ? 'c' : found.isBlockDevice() ? 'b' : null;
  return type === null ? null : { path: target, type, ...splitNumber(found.rdev), fileMode: found.mode & 0o777, uid: found.uid, gid: found.gid };
}
