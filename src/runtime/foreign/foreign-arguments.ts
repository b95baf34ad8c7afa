import { basename } from 'node:path';
import type { ContainerFiles } from '../container/bundle-files.ts';
import type { ForeignRuntime } from './runtimes.ts';

/** How the core is told to have a container run by another runtime, which knows it by the name of its bundle. */
export function foreignArguments({ program, root, args }: ForeignRuntime, files: ContainerFiles): readonly string[] {
  return ['--runtime', program, '--runtime-root', root, '--runtime-id', basename(files.bundle), ...args.flatMap((argument) => ['--runtime-arg', argument])];
}
