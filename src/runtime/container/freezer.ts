import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';

/** Where a cgroup is frozen: by v2, alone or beside v1's hierarchies, because what it has frozen can still be killed; else by v1's freezer. */
const FREEZERS = [
  { top: '/sys/fs/cgroup', file: 'cgroup.freeze', on: '1', off: '0', state: 'cgroup.events', done: { on: /^frozen 1$/m, off: /^frozen 0$/m } },
  { top: '/sys/fs/cgroup/unified', file: 'cgroup.freeze', on: '1', off: '0', state: 'cgroup.events', done: { on: /^frozen 1$/m, off: /^frozen 0$/m } },
  { top: '/sys/fs/cgroup/freezer', file: 'freezer.state', on: 'FROZEN', off: 'THAWED', state: 'freezer.state', done: { on: /^FROZEN/, off: /^THAWED/ } },
] as const;
/** A process that waits in the kernel is frozen only when that wait ends. */
const GIVE_UP_MS = 5000;
const LOOK_MS = 2;

/** Freezes all processes of a cgroup and those below it, or lets them go on; resolves once it is so. One that is gone needs no letting go; freezing it rejects with BayplanError `not-running`. */
export async function setFrozen(cgroup: string, frozen: boolean): Promise<void> {
  const freezer = freezerOf(cgroup);
  if (freezer === undefined) {
    if (!frozen) return;
    if (!['', ...readdirSync('/sys/fs/cgroup')].some((hierarchy) => existsSync(join('/sys/fs/cgroup', hierarchy, cgroup)))) throw gone(cgroup);
    throw new BayplanError('not-built', `cgroup ${cgroup} cannot be frozen: neither cgroup v2 nor the cgroup controller freezer is mounted below /sys/fs/cgroup`);
  }
  const file = join(freezer.top, cgroup, freezer.file);
  const write = (): void => writeFileSync(file, frozen ? freezer.on : freezer.off);
  const isDone = (): boolean => freezer.done[frozen ? 'on' : 'off'].test(readFileSync(join(freezer.top, cgroup, freezer.state), 'utf8'));
  try {
    write();
    for (const end = Date.now() + GIVE_UP_MS; !isDone(); await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
      if (Date.now() < end) continue;
      if (frozen) writeFileSync(file, freezer.off);
      throw new BayplanError('busy', `cgroup ${cgroup} could not be ${frozen ? 'frozen' : 'thawed'} within ${GIVE_UP_MS / 1000} s: a process of it waits in the kernel`);
    }
  } catch (error) {
    if (!isGone(error)) throw error;
    if (frozen) throw gone(cgroup);
  }
}

/** Whether somebody has frozen it: that outlives the engine. One that has just gone is not. */
export function isFrozen(cgroup: string): boolean {
  const freezer = freezerOf(cgroup);
  if (freezer === undefined) return false;
  try {
    const text = readFileSync(join(freezer.top, cgroup, freezer.file), 'utf8').trim();
    return text === freezer.on || text === 'FREEZING';
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

/** The folder in which somebody's freezing is noticed; null: nothing can be frozen. */
export function freezerFolder(cgroup: string): string | null {
  const freezer = freezerOf(cgroup);
  return freezer === undefined ? null : join(freezer.top, cgroup);
}

function freezerOf(cgroup: string): (typeof FREEZERS)[number] | undefined {
  return FREEZERS.find(({ top, file }) => existsSync(join(top, cgroup, file)));
}

function gone(cgroup: string): BayplanError {
  return new BayplanError('not-running', `cgroup ${cgroup} is gone: what ran in it has ended`);
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENODEV');
}
