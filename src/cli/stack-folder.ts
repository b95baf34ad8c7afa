import { dirname } from 'node:path';
import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';
import { stackFilesOf } from './project-name.ts';

/** The folder of the stack file that a command means; null where the stack is meant by its name alone, wherever it was brought up from. */
export function stackFolderOf(options: StackOptions, cli: Cli): string | null {
  if ((options.projectName ?? cli.env['COMPOSE_PROJECT_NAME'] ?? '') !== '') return null;
  return dirname(stackFilesOf(options, cli)[0] ?? cli.cwd);
}
