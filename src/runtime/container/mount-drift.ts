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

/** What was seen of a container's mounts since it was started. */
export interface MountsSeen { root: string | null; readonly targets: Set<string> }

/** The mounts of a process' namespace as the process itself sees them: the id of the one that is its root (null: its root is a folder in one), and all their places. */
export interface MountPoints { readonly root: string | null; readonly places: ReadonlySet<string> }

/** Null: the process has ended. */
export function mountPoints(pid: number): MountPoints | null {
  try {
    const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n').map((line) => line.split(' '));
    const places = lines.flatMap((words) => words[4]?.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))) ?? []);
    return { root: lines.find((words) => words[4] === '/')?.[0] ?? null, places: new Set(places) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EINVAL'].includes(String(error.code))) return null;
    throw error;
  }
}

/**
 * Mounts that are gone. `seen`: targets that were there at an earlier look, to which those are added that are there now: a target below a link of the image's is mounted elsewhere, and was never there under
 * its own name. `root`: of the first look; a process that has another one by now (chroot) does not see what lies outside of it.
 */
export function mountDrift(spec: ContainerSpec, points: MountPoints, seen: MountsSeen): readonly Drift[] {
  const drift: Drift[] = [];
  seen.root ??= points.root;
  if (points.root === null || points.root !== seen.root) return drift;
  for (const [target, what] of targetsOf(spec)) {
    if (points.places.has(target)) seen.targets.add(target);
    else if (seen.targets.has(target)) drift.push({ kind: 'mount', field: `mounts[${target}]`, expected: what, found: 'not mounted' });
  }
  return drift;
}
