import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { ContainerSpec } from '../../state/container.ts';
import type { Drift } from '../../state/drift.ts';

/** What the core mounts in every container that has its own. */
const USUAL = ['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys', '/sys/fs/cgroup', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];

/** Where volumes, binds, file systems in memory, images, configs and secrets of a container are mounted, and as what. */
function targetsOf({ mounts, contents }: ContainerSpec): ReadonlyMap<string, string> {
  return new Map([
    ...USUAL.map((target) => [target, 'mounted'] as const),
    ...mounts.map((mount) => [posix.resolve('/', mount.target), mount.type === 'tmpfs' ? 'tmpfs' : `${mount.type} ${mount.source ?? 'of its own'}`] as const),
    ...contents.map(({ name, target }) => [posix.resolve('/', target), name] as const),
  ]);
}

/** The uppermost mount at a place: what is read and written there. */
interface Uppermost { readonly id: string; readonly readOnly: boolean }

/** What was seen of a container's mounts since it was started. */
export interface MountsSeen { root: string | null; readonly targets: Map<string, Uppermost> }

/** The mounts of a process' namespace as the process itself sees them: the id of the one that is its root (null: its root is a folder in one), and what is at each of their places. */
export interface MountPoints { readonly root: string | null; readonly places: ReadonlyMap<string, Uppermost> }

/** Null: the process has ended. */
export function mountPoints(pid: number): MountPoints | null {
  try {
    const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n').map((line) => line.split(' '));
    const places = new Map<string, Uppermost>(); // what was mounted later comes later
    for (const [id = '', , , , place, options] of lines) if (place !== undefined) places.set(unescaped(place), { id, readOnly: options?.split(',').includes('ro') === true });
    return { root: lines.find((words) => words[4] === '/')?.[0] ?? null, places };
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EINVAL'].includes(String(error.code))) return null;
    throw error;
  }
}

function unescaped(place: string): string {
  return place.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * Mounts that are gone, or lie below another one, or have become read-only or writable. `seen`: targets that were there at an earlier look, to which those are added that are there now: a target below a link of the image's is mounted elsewhere, and was never there under
 * its own name. `root`: of the first look; a process that has another one by now (chroot) does not see what lies outside of it.
 */
export function mountDrift(spec: ContainerSpec, points: MountPoints, seen: MountsSeen): readonly Drift[] {
  const drift: Drift[] = [];
  seen.root ??= points.root;
  if (points.root === null || points.root !== seen.root) return drift;
  // Contents are swapped in place, and what is mounted on the host comes in where a bind says so: there may be another one by now.
  const changing = new Set([...spec.contents, ...spec.mounts.filter((mount) => mount.type === 'bind' && !['', 'private', 'rprivate'].includes(mount.propagation ?? ''))].map(({ target }) => posix.resolve('/', target)));
  for (const [target, what] of targetsOf(spec)) {
    const [before, now] = [seen.targets.get(target), points.places.get(target)];
    const tell = (found: string): void => void drift.push({ kind: 'mount', field: `mounts[${target}]`, expected: what, found });
    if (before === undefined) {
      if (now !== undefined) seen.targets.set(target, now);
    } else if (now === undefined) tell('not mounted');
    else if (now.id !== before.id && !changing.has(target)) tell('another mount over it');
    else if (now.readOnly !== before.readOnly && !changing.has(target)) tell(now.readOnly ? 'read-only' : 'writable');
  }
  return drift;
}
