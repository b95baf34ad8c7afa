import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { ContainerSpec } from '../../state/container.ts';
import type { Drift } from '../../state/drift.ts';

/** Where volumes, binds, file systems in memory, images, configs and secrets of a container are mounted, and as what. */
function targetsOf({ mounts, contents }: ContainerSpec): ReadonlyMap<string, string> {
  return new Map([
    ...mounts.map((mount) => [posix.resolve('/', mount.target), mount.type === 'tmpfs' ? 'tmpfs' : `${mount.type} ${mount.source ?? 'of its own'}`] as const),
    ...contents.map(({ name, target }) => [posix.resolve('/', target), name] as const),
  ]);
}

/** Mount points of a process' namespace, as the process itself sees them; null: it has ended. */
export function mountPoints(pid: number): ReadonlySet<string> | null {
  try {
    const lines = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n');
    return new Set(lines.flatMap((line) => line.split(' ')[4]?.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))) ?? []));
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'EINVAL'].includes(String(error.code))) return null;
    throw error;
  }
}

/**
 * Mounts that are gone. `seen`: targets that were there at an earlier look, to which those are added that are there now: a target below a link of the image's is mounted elsewhere, and was never there under
 * its own name.
 */
export function mountDrift(spec: ContainerSpec, points: ReadonlySet<string>, seen: Set<string>): readonly Drift[] {
  const drift: Drift[] = [];
  for (const [target, what] of targetsOf(spec)) {
    if (points.has(target)) seen.add(target);
    else if (seen.has(target)) drift.push({ kind: 'mount', field: `mounts[${target}]`, expected: what, found: 'not mounted' });
  }
  return drift;
}
