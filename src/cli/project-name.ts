import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findStackFiles } from '../stack/find-stack-files.ts';
import { projectNameMistake, projectNameOf as nameOfFolder } from '../stack/project-name.ts';
import { parseRemote } from '../stack/remote.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { composeVariable } from './dot-env-variable.ts';
import { locateRemote } from './locate-remote.ts';
import type { StackOptions } from './options.ts';

/**
 * The stack a command is about, by Compose's order: `-p`, COMPOSE_PROJECT_NAME, `name:` of the file, its folder. The file is loaded
 * (`whole`) only where that cannot be read off its text, so that `ps` and the like are quick and work on a file that has mistakes.
 */
export async function projectNameOf(options: StackOptions, cli: Cli, whole: () => Promise<string>): Promise<string> {
  const given = options.projectName ?? composeVariable('COMPOSE_PROJECT_NAME', options, cli);
  if (given !== undefined && given !== '') {
    const mistake = projectNameMistake(given);
    if (mistake !== null) throw new BayplanError('bad-name', mistake);
    return given;
  }
  const files = stackFilesOf(options, cli);
  const folder = projectFolderOf(files, options, cli);
  // It may set the name; and standard input can be read once only.
  if (existsSync(join(folder, '.env')) || files.includes(STANDARD_INPUT)) return await whole();
  for (const file of [...files].reverse()) {
    const match = /^(?:name|"name"|'name')[ \t]*:[ \t]*(.*)$/m.exec(read(file));
    if (match === null) continue;
    const word = /^(["']?)([a-z0-9][a-z0-9_-]*)\1[ \t]*(?:#.*)?$/.exec(match[1]?.trimEnd() ?? '');
    return word?.[2] ?? (await whole());
  }
  const name = nameOfFolder(folder);
  return name === '' ? await whole() : name;
}

/** The stack files that are meant, absolute: `-f`, COMPOSE_FILE, or those found in this folder or above. Throws `no-file`. */
export function stackFilesOf(options: StackOptions, cli: Cli, exists: (path: string) => boolean = existsSync): readonly string[] {
  const named = options.file ?? composeVariable('COMPOSE_FILE', options, cli)?.split(composeVariable('COMPOSE_PATH_SEPARATOR', options, cli) ?? ':').filter((file) => file !== '');
  const from = options.projectDirectory === undefined ? cli.cwd : resolve(cli.cwd, options.projectDirectory);
  const files = named === undefined || named.length === 0 ? findStackFiles(from, exists) : named.map((file) => file === '-' ? STANDARD_INPUT : localFile(file, options, cli));
  if (files.length === 0) throw new BayplanError('no-file', `no compose.yaml in ${cli.cwd} or above it: name the stack's file with -f FILE`);
  return files;
}

/** A file from elsewhere is brought here. */
function localFile(file: string, options: StackOptions, cli: Cli): string {
  const remote = parseRemote(file);
  if (remote === null) return resolve(cli.cwd, file);
  const located = locateRemote(remote, options, cli);
  if ('problem' in located) throw new BayplanError('no-file', `-f: ${located.problem}`);
  return located.file;
}

/** What `-f -` names. */
export const STANDARD_INPUT = '/dev/stdin';

/** What relative paths are relative to: `--project-directory`, else the folder of the first stack file, else this one. */
export function projectFolderOf(files: readonly string[], options: StackOptions, cli: Cli): string {
  if (options.projectDirectory !== undefined) return resolve(cli.cwd, options.projectDirectory);
  const file = files.find((each) => each !== STANDARD_INPUT);
  return file === undefined ? cli.cwd : dirname(file);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BayplanError('no-file', `cannot read the stack file ${file}: ${error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'it is not there' : String(error)}`);
  }
}
