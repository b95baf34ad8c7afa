import { existsSync, readFileSync } from 'node:fs';
import type { Kernel } from '../kernel.ts';
import type { ContainerFiles } from './bundle-files.ts';
import { ExitRecord, ReadyLine } from './record.ts';
import { ShimClient } from './shim-client.ts';

/** What is true of a container's process, as its files and its shim show it. */
export type Found =
  | { readonly state: 'running'; readonly ready: ReadyLine; readonly shim: ShimClient }
  | { readonly state: 'exited'; readonly exit: ExitRecord }
  /** No process and no record of an end: never started, or the boot or a kill took the shim. */
  | { readonly state: 'none' };

/**
 * Finds a container again after another engine's end. A shim holds the lock of its bundle from before it is born until after it has written the
 * exit file, so a held lock without a pid file is a start on its way: it is waited for.
 */
export async function findProcess(kernel: Kernel, files: ContainerFiles): Promise<Found> {
  for (let waited = 0; existsSync(files.bundle); waited += WAIT_MS) {
    const lock = kernel.lock(files.lock);
    if (lock !== null) {
      kernel.close(lock);
      break;
    }
    if (existsSync(files.pid)) {
      try {
        const shim = await ShimClient.open(files.socket);
        return { state: 'running', ready: ReadyLine.parse(JSON.parse(readFileSync(files.pid, 'utf8'))), shim };
      } catch (error) {
        if (!isAbsent(error)) throw error; // it has just ended, or does not listen yet: look again
      }
    }
    if (waited > GIVE_UP_MS) throw new Error(`${files.bundle}: a shim holds this bundle but does not answer`);
    await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
  }
  const exit = readExit(files);
  return exit === null ? { state: 'none' } : { state: 'exited', exit };
}

const WAIT_MS = 5;
const GIVE_UP_MS = 30_000;

/** The exit file, or null where there is none, or where it is damaged, as a power cut may leave it: then how it ended is not known. */
export function readExit(files: ContainerFiles): ExitRecord | null {
  for (const path of [files.exit, files.spareExit]) {
    try {
      const exit = ExitRecord.safeParse(parsed(readFileSync(path, 'utf8')));
      if (exit.success) return exit.data;
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // fits no schema
  }
}

/** ECONNRESET: it has closed its socket with this connection waiting to be accepted. */
function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET');
}
