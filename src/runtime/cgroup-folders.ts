import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where the hierarchies of cgroups are mounted. */
export function hierarchies(): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const mountpoint = before?.split(' ')[4];
    return mountpoint !== undefined && /^cgroup2? /.test(after ?? '') ? [mountpoint] : [];
  });
}

/** Whether a process is in the cgroup at `folder`, or in one below it. */
export function hasProcesses(folder: string): boolean {
  return isThere(() => readFileSync(join(folder, 'cgroup.procs'), 'utf8').trim() !== '') === true || below(folder).some(hasProcesses);
}

/** Removes the cgroup at `folder` with all below it. Throws EBUSY where a process is in one. */
export function removeCgroups(folder: string): void {
  below(folder).forEach(removeCgroups);
  isThere(() => rmdirSync(folder));
}

function below(folder: string): readonly string[] {
  return isThere(() => readdirSync(folder, { withFileTypes: true }))?.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name)) ?? [];
}

/** Null where what it is about has gone meanwhile. */
function isThere<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV')) return null;
    throw error;
  }
}
