import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Kernel } from '../runtime/kernel.ts';

const LOCK = 'engine.lock';
/** Where the root folder is, or was. */
const ROOT = 'root';

/** Removes a run folder that nothing needs any more, its mounts before it, its lock last: until then no other engine can begin there. */
export function removeRunFolder(run: string, kernel: Kernel): void {
  emptyRunFolder(run, kernel);
  for (const name of [ROOT, LOCK]) rmSync(join(run, name), { force: true });
  try {
    rmdirSync(run);
  } catch (error) {
    // Somebody has just begun to start the next engine.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'ENOENT'))) throw error;
  }
}

/** All but the lock; where the root was is taken away last, since that says whose all of it is. */
export function emptyRunFolder(run: string, kernel: Kernel): void {
  endCarriers(join(run, 'carriers'));
  for (const mountpoint of mountsBelow(run)) kernel.detachMount(mountpoint);
  for (const name of readdirSync(run)) if (name !== LOCK && name !== ROOT) rmSync(join(run, name), { recursive: true, force: true });
}

/** Tells programs that carry ports for containers that are gone to end. The request is sent before the socket is removed; nobody waits for the answer. */
function endCarriers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    connect(join(folder, name)).on('error', () => undefined).end(`${JSON.stringify({ version: 1, op: 'end' })}\n`); // one that refuses has ended
  }
}

function mountsBelow(folder: string): readonly string[] {
  const mountpoints = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '');
  return mountpoints.filter((mountpoint) => mountpoint.startsWith(`${folder}/`)).reverse();
}
