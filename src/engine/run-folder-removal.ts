import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Kernel } from '../runtime/kernel.ts';

const RUN = '/run';

/** Removes a run folder that nothing needs any more, its mounts before it, its lock last: until then no other engine can begin there. */
export function removeRunFolder(run: string, kernel: Kernel): void {
  endCarriers(join(run, 'carriers'));
  for (const mountpoint of mountsBelow(run)) kernel.detachMount(mountpoint);
  for (const name of readdirSync(run)) if (name !== 'engine.lock') rmSync(join(run, name), { recursive: true, force: true });
  rmSync(join(run, 'engine.lock'), { force: true });
  try {
    rmdirSync(run);
  } catch (error) {
    // Somebody has just begun to start the next engine.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'ENOENT'))) throw error;
  }
}

/** Tells programs that carry ports for containers that are gone to end. The request is sent before the socket is removed; nobody waits for the answer. */
function endCarriers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    connect(join(folder, name)).on('error', () => undefined).end(`${JSON.stringify({ version: 1, op: 'end' })}\n`); // one that refuses has ended
  }
}

/** Removes run folders of engines that do not run, without containers, whose root folder has been deleted. */
export function removeDeserted(kernel: Kernel): void {
  for (const name of readdirSync(RUN)) {
    const run = join(RUN, name);
    if (!/^bayplan-[0-9a-f]{8}$/.test(name) || !isDeserted(run)) continue;
    try {
      const lock = kernel.lock(join(run, 'engine.lock'));
      if (lock === null) continue;
      if (isDeserted(run)) removeRunFolder(run, kernel); // it may have come to life since
      kernel.close(lock);
    } catch (error) {
      if (!isAbsent(error)) throw error; // another engine has removed it
    }
  }
}

function isDeserted(run: string): boolean {
  try {
    if (existsSync(readFileSync(join(run, 'root'), 'utf8'))) return false;
    return readdirSync(join(run, 'c')).length === 0;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function mountsBelow(folder: string): readonly string[] {
  const mountpoints = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '');
  return mountpoints.filter((mountpoint) => mountpoint.startsWith(`${folder}/`)).reverse();
}
