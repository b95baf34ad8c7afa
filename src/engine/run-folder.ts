import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Paths } from '../state/paths.ts';
import type { Kernel } from '../runtime/kernel.ts';

/**
 * Makes the run folder and takes the engine's lock: one engine a root. What another boot left there is wiped, for /run is not everywhere in memory.
 * Returns what lets the lock go. Throws BayplanError `engine-running`.
 */
export async function openRunFolder(paths: Paths, kernel: Kernel): Promise<() => void> {
  try {
    mkdirSync(paths.run, { recursive: true, mode: 0o755 });
    mkdirSync(paths.root, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BayplanError('no-permission', `${paths.run}: ${cause instanceof Error ? cause.message : String(cause)}; bayplan's engine needs root`, { cause });
  }
  let lock = kernel.lock(paths.lock);
  // An engine that was killed while it started a program lives on in that program, until it has become itself.
  for (let waited = 0; lock === null && waited < DYING_MS; waited += 10) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    lock = kernel.lock(paths.lock);
  }
  if (lock === null) throw new BayplanError('engine-running', `an engine for ${paths.root} is running already (${paths.lock} is held): use it, or stop it with "bayplan engine stop"`);
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const mark = join(paths.run, 'boot');
  if (read(mark) !== boot) {
    const keep = new Set(['engine.lock', 'engine.log']);
    for (const name of readdirSync(paths.run)) if (!keep.has(name)) rmSync(join(paths.run, name), { recursive: true, force: true });
    writeFileSync(mark, boot);
  }
  for (const folder of [paths.zones, paths.bundles]) {
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    kernel.privateMount(folder); // /run is on disk on some machines, where each small file costs as much as a namespace
  }
  const held = lock;
  return () => kernel.close(held);
}

const DYING_MS = 100;

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
