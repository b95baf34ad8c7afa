import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hierarchies } from './cgroup-folders.ts';

/** A program of the core that has just ended leaves its cgroup a moment after all else. */
const END_MS = 30;

/**
 * Moves this process into `<parent>/engine` in each cgroup hierarchy, so that the end of the session it was started from, or its limits, do not
 * reach it. A hierarchy that cannot be written is named in the answer; the engine runs on without it.
 */
export function enterOwnCgroup(parent: string): readonly string[] {
  const failed: string[] = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [before, after] = line.split(' - ');
    const mountpoint = before?.split(' ')[4];
    const [type, , options] = after?.split(' ') ?? [];
    if (mountpoint === undefined || (type !== 'cgroup' && type !== 'cgroup2')) continue;
    const folder = join(mountpoint, parent, 'engine');
    try {
      mkdirSync(folder, { recursive: true });
      if (options?.split(',').includes('cpuset')) inheritCpuset(mountpoint, parent);
      writeFileSync(join(folder, 'cgroup.procs'), String(process.pid));
    } catch (error) {
      failed.push(`${folder}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failed;
}

/** A v1 cpuset takes no process before it has processors and memory nodes, in every parent as well. */
function inheritCpuset(mountpoint: string, parent: string): void {
  for (const folder of [join(mountpoint, parent), join(mountpoint, parent, 'engine')]) {
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (readFileSync(join(folder, file), 'utf8').trim() === '') writeFileSync(join(folder, file), readFileSync(join(mountpoint, file), 'utf8'));
    }
  }
}

/** Undoes `enterOwnCgroup` as far as nobody else needs it: back to each hierarchy's root, and the folders removed that are empty then. */
export function leaveOwnCgroup(parent: string): void {
  const end = Date.now() + END_MS;
  for (const mountpoint of hierarchies()) {
    try {
      writeFileSync(join(mountpoint, 'cgroup.procs'), String(process.pid));
      while (!removed(join(mountpoint, parent, 'engine'))) {
        if (Date.now() > end) break;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
      rmdirSync(join(mountpoint, parent));
    } catch (error) {
      // Containers go on below the parent, or the hierarchy could not be entered: the folder stays.
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}

/** False where somebody is in it yet: a shim, or a process that is about to be gone. */
function removed(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EBUSY') return false;
    throw error;
  }
}
