import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findStackFiles } from '../stack/find-stack-files.ts';
import { projectNameMistake, projectNameOf as nameOfFolder } from '../stack/project-name.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';

/**
 * The stack a command is about, by Compose's order: `-p`, COMPOSE_PROJECT_NAME, `name:` of the file, its folder. The file is loaded
 * (`whole`) only where that cannot be read off its text, so that `ps` and the like are quick and work on a file that has mistakes.
 */
export async function projectNameOf(options: StackOptions, cli: Cli, whole: () => Promise<string>): Promise<string> {
  const given = options.projectName ?? cli.env['COMPOSE_PROJECT_NAME'];
  if (given !== undefined && given !== '') {
    const mistake = projectNameMistake(given);
    if (mistake !== null) throw new BayplanError('bad-name', mistake);
    return given;
  }
  const files = stackFilesOf(options, cli);
  const [first = cli.cwd] = files;
  if (existsSync(join(dirname(first), '.env'))) return await whole(); // it may set the name
  for (const file of [...files].reverse()) {
    const match = /^(?:name|"name"|'name')[ \t]*:[ \t]*(.*)$/m.exec(read(file));
    if (match === null) continue;
    const word = /^(["']?)([a-z0-9][a-z0-9_-]*)\1[ \t]*(?:#.*)?$/.exec(match[1]?.trimEnd() ?? '');
    return word?.[2] ?? (await whole());
  }
  const name = nameOfFolder(dirname(first));
  return name === '' ? await whole() : name;
}

/** The stack files that are meant, absolute: `-f`, COMPOSE_FILE, or those found in this folder or above. Throws `no-file`. */
export function stackFilesOf(options: StackOptions, cli: Cli): readonly string[] {
  const named = options.file ?? cli.env['COMPOSE_FILE']?.split(cli.env['COMPOSE_PATH_SEPARATOR'] ?? ':').filter((file) => file !== '');
  const files = named === undefined || named.length === 0 ? findStackFiles(cli.cwd, existsSync) : named.map((file) => resolve(cli.cwd, file));
  if (files.length === 0) throw new BayplanError('no-file', `no compose.yaml in ${cli.cwd} or above it: name the stack's file with -f FILE`);
  return files;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new BayplanError('no-file', `cannot read the stack file ${file}: ${error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'it is not there' : String(error)}`);
  }
}
