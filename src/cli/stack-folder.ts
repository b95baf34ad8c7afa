import { parseRemote } from '../stack/remote.ts';
import type { Cli } from './cli.ts';
import { composeVariable } from './dot-env-variable.ts';
import type { StackOptions } from './options.ts';
import { projectFolderOf, stackFilesOf } from './project-name.ts';

/**
 * The folder of the stack file that a command means; null where the stack is meant by its name alone, wherever it was brought up from, and where the file is from elsewhere: each commit of a
 * repository has a folder of its own here.
 */
export function stackFolderOf(options: StackOptions, cli: Cli): string | null {
  if ((options.projectName ?? composeVariable('COMPOSE_PROJECT_NAME', options, cli) ?? '') !== '') return null;
  const files = options.file ?? [composeVariable('COMPOSE_FILE', options, cli) ?? ''];
  if (files.some((file) => parseRemote(file) !== null)) return null;
  return projectFolderOf(stackFilesOf(options, cli), options, cli);
}
