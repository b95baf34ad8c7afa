import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a container's cgroup may list its processes: the v2 tree, alone or beside v1's, or a hierarchy of v1. */
const HIERARCHIES = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/memory'];

/** Pids of a cgroup and those below it, as the host sees them. */
export function processesOf(cgroup: string): readonly number[] {
  const folder = HIERARCHIES.map((top) => join(top, cgroup)).find((path) => existsSync(join(path, 'cgroup.procs')));
  if (folder === undefined) return [];
  return readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter((line) => line !== '').map(Number);
}
