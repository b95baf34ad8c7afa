import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { unmountAll } from '../storage/host-mount.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ContainerContext } from './container-context.ts';

const GIVE_UP_MS = 15_000;

/** Takes away what was made on the host for a container that has ended: mounts, and what its runtime, where that is not ours, keeps of it. Its shim does that; one that was killed has not. */
export async function leaveHost(context: Pick<ContainerContext, 'core' | 'paths' | 'runtimes'>, files: ContainerFiles): Promise<void> {
  await forgetRuntime(context, basename(files.bundle));
  for (const folder of [files.root, files.staged]) {
    if (!existsSync(folder)) continue;
    await unmountAll(context.core, folder);
    await rmdir(folder);
  }
}

/** A runtime that has gone itself meanwhile leaves its record, which nobody else reads. */
async function forgetRuntime({ paths, runtimes }: Pick<ContainerContext, 'paths' | 'runtimes'>, id: string): Promise<void> {
  const top = join(paths.run, 'runtimes');
  if (!existsSync(top)) return;
  for (const name of readdirSync(top)) {
    const record = join(top, name, id);
    if (!existsSync(record)) continue;
    const program = runtimes.list()[name];
    if (program !== undefined) await promisify(execFile)(program.path, [...program.runtimeArgs ?? [], '--root', join(top, name), 'delete', '--force', id], { timeout: GIVE_UP_MS }).catch(() => undefined); // what it could not do is done below, and for its cgroup by the core
    await rm(record, { recursive: true, force: true });
  }
}
