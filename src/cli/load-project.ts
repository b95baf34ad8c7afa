import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { formatMistake, loadStack, type Project } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';
import { stackFilesOf } from './project-name.ts';

/** The stack file has mistakes; each has been printed on a line of its own. */
export class MistakesFound extends BayplanError {
  constructor(count: number) {
    super('mistakes', `${count} mistake${count === 1 ? '' : 's'} in the stack file; nothing was changed`);
  }
}

/** Loads the stack that the options mean. Prints warnings and mistakes; throws MistakesFound after all of them. */
export function loadProject(options: StackOptions, cli: Cli): Project {
  const files = stackFilesOf(options, cli);
  const name = options.projectName ?? cli.env['COMPOSE_PROJECT_NAME'] ?? '';
  const profiles = options.profile ?? cli.env['COMPOSE_PROFILES']?.split(',').filter((profile) => profile !== '') ?? [];
  const { project, mistakes, warnings } = loadStack({
    files, workingDir: dirname(files[0] ?? cli.cwd), projectName: name === '' ? null : name, environment: definedOf(cli.env), profiles,
    envFiles: options.envFile?.map((file) => resolve(cli.cwd, file)) ?? null, read,
  });
  for (const warning of warnings) cli.stderr.write(`warning: ${warning}\n`);
  if (project === null || mistakes.length > 0) {
    for (const mistake of mistakes) cli.stderr.write(`${formatMistake(mistake)}\n`);
    throw new MistakesFound(mistakes.length);
  }
  return project;
}

/** Null: there is no such file. */
function read(path: string): string | null {
  return readBytes(path)?.toString('utf8') ?? null;
}

/** Null: there is no such file. */
export function readBytes(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw new BayplanError('unreadable', `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function definedOf(env: Cli['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
