import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Paths } from '../state/paths.ts';
import type { Kernel } from './kernel.ts';

/**
 * The core that shims are started from: a copy in memory, one a build, on a mount that nobody can write to. An upgraded engine leaves the
 * shims of the one before theirs, and a container that reaches the program through /proc/self/exe cannot overwrite it. Answers its path.
 */
export function installCore(kernel: Kernel, paths: Paths, built: string): string {
  const digest = createHash('sha256').update(readFileSync(built)).digest('hex').slice(0, 12);
  const folder = join(paths.run, `core-${digest}`);
  const core = join(folder, 'bayplan-core');
  const sealed = join(folder, 'complete');
  if (existsSync(sealed)) {
    kernel.sealMount(folder); // the engine before may have ended just here
    return core;
  }
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  kernel.privateMount(folder);
  copyFileSync(built, core);
  mkdirSync(sealed);
  kernel.sealMount(folder);
  return core;
}
