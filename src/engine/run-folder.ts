import { fstatSync, mkdirSync, readFileSync, readdirSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '../runtime/kernel.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Paths } from '../state/paths.ts';
import { ensureRootFolder } from '../state/root-folder.ts';
import { sweepDeserted } from './deserted.ts';
import { removeRunFolder } from './run-folder-removal.ts';

export interface RunFolder {
  /** Nothing of this boot was there: whatever ran has gone with the one before. */
  readonly booted: boolean;
  /** Lets the lock go. */
  release(): void;
  /** Takes the folder away too, where there is no container that needs it, or `ended`: none that runs. */
  leave(ended: boolean): void;
}

/**
 * Makes the run folder and takes the engine's lock: one engine a root. What another boot left there is wiped, for /run is not everywhere in memory, and so
 * is what engines left whose root folders were deleted. Throws BayplanError `engine-running`, `bad-root`.
 */
export async function openRunFolder(paths: Paths, kernel: Kernel, report: (line: string) => void = () => undefined): Promise<RunFolder> {
  const lock = await takeLock(paths, kernel);
  let booted: boolean;
  try {
    booted = prepare(paths, kernel, report);
    await sweepDeserted(kernel, paths.instance, report);
  } catch (error) {
    kernel.close(lock);
    throw error;
  }
  const release = (): void => kernel.close(lock);
  const leave = (ended: boolean): void => {
    if (ended || readdirSync(paths.bundles).length === 0) removeRunFolder(paths.run, kernel);
    release();
  };
  return { booted, release, leave };
}

/** Answers whether the machine has booted since. */
function prepare(paths: Paths, kernel: Kernel, report: (line: string) => void): boolean {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const mark = join(paths.run, 'boot');
  const booted = read(mark) !== boot;
  if (booted) {
    const keep = new Set(['engine.lock', 'engine.log']);
    for (const name of readdirSync(paths.run)) if (!keep.has(name)) rmSync(join(paths.run, name), { recursive: true, force: true });
    writeFileSync(mark, boot);
  }
  writeFileSync(join(paths.run, 'root'), paths.root);
  // Compiling a seccomp profile was cut off.
  for (const name of readdirSync(paths.run)) if (/^seccomp-.*\.json(\.bpf)?$/.test(name)) rmSync(join(paths.run, name), { force: true });
  // Images that a storage driver had mounted to copy from; a program that serves one ends with its mount.
  for (const name of readdirSync(paths.run)) if (name.startsWith('image-')) removeMountpoint(join(paths.run, name), kernel, report);
  for (const folder of [paths.zones, paths.bundles]) {
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    kernel.privateMount(folder); // /run is on disk on some machines, where each small file costs as much as a namespace
  }
  return booted;
}

function removeMountpoint(path: string, kernel: Kernel, report: (line: string) => void): void {
  try {
    kernel.detachMount(path);
    rmdirSync(path);
  } catch (error) { // it keeps nobody from an engine, and the next one tries again
    report(`${path} could not be taken away: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const DYING_MS = 1000;

/** The lock's descriptor. */
async function takeLock(paths: Paths, kernel: Kernel): Promise<number> {
  // An engine that was killed while it started a program lives on in that program, until it has become itself. Or a person sweeps just now.
  for (let waited = 0; waited <= DYING_MS; waited += 10) {
    if (waited > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    makeFolders(paths);
    const lock = kernel.lock(paths.lock);
    if (lock === null) continue;
    // The engine before may have taken the folder away between the opening of the file and its locking.
    if (fstatSync(lock).ino === statSync(paths.lock, { throwIfNoEntry: false })?.ino) return lock;
    kernel.close(lock);
  }
  throw new BayplanError('engine-running', `an engine for ${paths.root} is running already (${paths.lock} is held): use it, or stop it with "bayplan engine stop"`);
}

function makeFolders(paths: Paths): void {
  ensureRootFolder(paths.root); // first: nothing is left behind for a root that is of no use
  try {
    mkdirSync(paths.run, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new BayplanError('no-permission', `${paths.run}: ${cause instanceof Error ? cause.message : String(cause)}; bayplan's engine needs root`, { cause });
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
