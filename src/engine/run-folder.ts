import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Paths } from '../state/paths.ts';
import type { Kernel } from '../runtime/kernel.ts';

/**
 * Makes the run folder and takes the engine's lock: one engine a root. What another boot left there is wiped, for /run is not everywhere in memory.
 * Returns what lets the lock go. Throws BayplanError `engine-running`.
 */
export function openRunFolder(paths: Paths, kernel: Kernel): () => void {
  try {
    mkdirSync(paths.run, { recursive: true, mode: 0o755 });
    mkdirSync(paths.root, { recursive: true, mode: 0o711 });
  } catch (cause) {
    throw new BayplanError('no-permission', `${paths.run}: ${cause instanceof Error ? cause.message : String(cause)}; bayplan's engine needs root`, { cause });
  }
  const lock = kernel.lock(paths.lock);
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
  return () => kernel.close(lock);
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
