import type { Cli } from './cli.ts';
import { composeVariable } from './dot-env-variable.ts';
import type { StackOptions } from './options.ts';
import { projectFolderOf, stackFilesOf } from './project-name.ts';

/** The folder of the stack file that a command means; null where the stack is meant by its name alone, wherever it was brought up from. */
export function stackFolderOf(options: StackOptions, cli: Cli): string | null {
  if ((options.projectName ?? composeVariable('COMPOSE_PROJECT_NAME', options, cli) ?? '') !== '') return null;
  return projectFolderOf(stackFilesOf(options, cli), options, cli);
}
