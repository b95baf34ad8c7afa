import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a container's cgroup may list its processes: the v2 tree, alone or beside v1's, or a hierarchy of v1. */
const HIERARCHIES = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/pids', '/sys/fs/cgroup/memory'];

/** Pids of a cgroup, as the host sees them; none where it is gone, also while this looks. */
export function processesOf(cgroup: string, hierarchies: readonly string[] = HIERARCHIES): readonly number[] {
  for (const top of hierarchies) {
    const text = read(join(top, cgroup, 'cgroup.procs'));
    if (text !== null) return text.split('\n').filter((line) => line !== '').map(Number);
  }
  return [];
}

/** Null where there is no such cgroup; ENODEV is of one that went after it was opened. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV')) return null;
    throw error;
  }
}
