import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Drift } from '../../state/drift.ts';
import type { ContainerEntry } from './container-entry.ts';
import { isFrozen, setFrozen } from './freezer.ts';

const TOP = '/sys/fs/cgroup';
const MEMBER = 'cgroup';
const FROZEN = 'cgroup.freeze';

/** Where the first process is that is not where it was put: in the container's cgroup, or in one that it has made below that. `/proc/<pid>/cgroup` has a line a hierarchy: `4:memory:/bayplan/0123456789abcdef`. */
export function membershipDrift(pid: number, cgroup: string): readonly Drift[] {
  let text = '';
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return []; // it has ended, which is told by itself
  }
  return text.split('\n').flatMap((line): readonly Drift[] => {
    const [, controllers = '', found = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (found === '' || found === cgroup || found.startsWith(`${cgroup}/`) || !existsSync(join(TOP, folderOf(controllers), cgroup))) return []; // it has none there
    return [{ kind: 'limit', field: controllers === '' ? MEMBER : `${MEMBER}[${controllers}]`, expected: cgroup, found }];
  });
}

/** Whether it is frozen though nobody has paused it, or goes on though somebody has. */
export function freezeDrift({ paused, files }: Pick<ContainerEntry, 'paused' | 'files'>): readonly Drift[] {
  const frozen = isFrozen(files.cgroup);
  if (frozen === paused || existsSync(files.borrowed)) return [];
  return [{ kind: 'limit', field: FROZEN, expected: paused ? '1' : '0', found: frozen ? '1' : '0' }];
}

/** Puts back the first process, and all others of its process namespace that were moved to where it is, and freezes it or lets it go on. */
export async function mendMembership({ ready, paused, files, drift }: ContainerEntry): Promise<void> {
  for (const { field, found } of drift) {
    const [, controllers] = /^cgroup(?:\[(.*)\])?$/.exec(field) ?? [null];
    if (controllers === null || ready === null) continue;
    for (const pid of processesBeside(ready.pid)) if (isIn(pid, controllers ?? '', found)) moveTo(join(TOP, folderOf(controllers ?? ''), files.cgroup), pid);
  }
  if (drift.some(({ field }) => field === FROZEN)) await setFrozen(files.cgroup, paused);
}

/** `cpu,cpuacct` is mounted below either name, version 2 beside others as `unified`. */
function folderOf(controllers: string): string {
  if (controllers === '') return existsSync(join(TOP, 'cgroup.controllers')) ? '' : 'unified';
  return controllers.replace(/^name=/, '').split(',')[0] ?? '';
}

/** Those of the namespace of a process, itself included; itself alone where that is the host's. */
function processesBeside(pid: number): readonly number[] {
  const spaceOf = (one: number | 'self'): string | null => {
    try {
      return readlinkSync(`/proc/${one}/ns/pid`);
    } catch {
      return null; // it has ended
    }
  };
  const space = spaceOf(pid);
  if (space === null || space === spaceOf('self')) return [pid];
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((one) => spaceOf(one) === space);
}

/** Those of another container that shares the namespace are where that has them. */
function isIn(pid: number, controllers: string, cgroup: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n').some((line) => line.endsWith(`:${controllers}:${cgroup}`));
  } catch {
    return false; // it has ended
  }
}

function moveTo(folder: string, pid: number): void {
  try {
    writeFileSync(join(folder, 'cgroup.procs'), String(pid));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // it has ended meanwhile
  }
}
