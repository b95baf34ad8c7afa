import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describeMistake, loadRaw, loadStack, type LoadInput, type Mistake, type Project, type RawResult } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { statOf } from '../state/stat-of.ts';
import type { Cli } from './cli.ts';
import { envFilesOf, folderOf } from './dot-env-variable.ts';
import { isEndless } from './endless.ts';
import { followLink } from './follow-link.ts';
import { locateRemote } from './locate-remote.ts';
import type { StackOptions } from './options.ts';
import { printable } from './printable.ts';
import { projectFolderOf, STANDARD_INPUT, stackFilesOf } from './project-name.ts';
import { utf8Text } from './utf8-text.ts';

/** The stack file has mistakes; each has been printed on a line of its own. */
export class MistakesFound extends BayplanError {
  constructor(count: number) {
    super('mistakes', `${count} mistake${count === 1 ? '' : 's'} in the stack file; nothing was changed`);
  }
}

/** What commands ask for beside their options: the services that they name; the rest is `config`'s alone. */
export type LoadChoices = Pick<LoadInput, 'named' | 'services' | 'keepUnused' | 'without'>;

/** Takes down the paths that were looked at: another text there may be another stack. */
export type Seen = Set<string>;

/** Loads the stack that the options mean. Prints warnings and mistakes; throws MistakesFound after all of them. */
export function loadProject(options: StackOptions, cli: Cli, choices: LoadChoices = {}, seen: Seen = new Set()): Project {
  const { project, mistakes, warnings } = loadStack({ ...inputOf(options, cli, seen), ...choices });
  for (const warning of warnings) cli.stderr.write(`warning: ${warning}\n`);
  if (project === null || mistakes.length > 0) {
    tellMistakes(mistakes, cli);
    throw new MistakesFound(mistakes.length);
  }
  return project;
}

/** The same without a word; null where the file has mistakes. */
export function loadSilently(options: StackOptions, cli: Cli, choices: LoadChoices): Project | null {
  const { project, mistakes } = loadStack({ ...inputOf(options, cli), ...choices });
  return project === null || mistakes.length > 0 || project.refusals.length > 0 ? null : project;
}

/** More would only hide the first ones. */
const MOST_TOLD = 50;

/** Each with the line of the file that it stands on. */
export function tellMistakes(mistakes: readonly Mistake[], cli: Cli): void {
  for (const mistake of mistakes.slice(0, MOST_TOLD)) cli.stderr.write(`${printable(describeMistake(mistake, cli.stderr.columns ?? 120))}\n`);
  if (mistakes.length > MOST_TOLD) cli.stderr.write(`… and ${mistakes.length - MOST_TOLD} more\n`);
}

/** The same without filling in variables. */
export function loadRawModel(options: StackOptions, cli: Cli, choices: LoadChoices): RawResult {
  const result = loadRaw({ ...inputOf(options, cli), ...choices });
  tellMistakes(result.mistakes, cli);
  if (result.mistakes.length > 0) throw new MistakesFound(result.mistakes.length);
  return result;
}

/** How the options have a stack file read, for another time and from another folder. */
export function loadOf(options: StackOptions, cli: Cli): { readonly file: string[]; readonly projectDirectory: string; readonly profile: string[]; readonly envFile: string[] | null } {
  const { files, workingDir, profiles, envFiles, calledFrom = workingDir } = inputOf(options, cli);
  // The folder that this was called from is another one then.
  const unnamed = calledFrom === workingDir ? null : [workingDir, calledFrom].map((folder) => join(folder, '.env')).filter((file) => existsSync(file) && !isFolder(file));
  const named = envFiles ?? unnamed;
  return { file: [...files], projectDirectory: workingDir, profile: [...profiles], envFile: named === null ? null : [...named] };
}

function inputOf(options: StackOptions, cli: Cli, seen: Seen = new Set()): LoadInput {
  const files = stackFilesOf(options, cli, (path) => {
    seen.add(path);
    return existsSync(path);
  });
  const name = options.projectName ?? cli.env['COMPOSE_PROJECT_NAME'] ?? '';
  return {
    files, workingDir: projectFolderOf(files, options, cli), projectName: name === '' ? null : name, environment: { PWD: cli.cwd, ...definedOf(cli.env) }, profiles: options.profile ?? [],
    envFiles: envFilesOf(options, cli), calledFrom: folderOf(options, cli), read: (path) => basename(path) === '.env' && isFolder(path) ? null : readText(path, seen), followLink, locate: (remote) => locateRemote(remote, options, cli),
  };
}

/** The text of a file: UTF-8, or UTF-16 where it begins as such. Null: there is no such file. */
export function readText(path: string, seen: Seen = new Set()): string | null {
  seen.add(path);
  if (path !== STANDARD_INPUT && isEndless(path)) throw new BayplanError('unreadable', `cannot read ${path}: it is a device, or too large to be text`);
  const bytes = path === STANDARD_INPUT ? readFileSync(0) : readBytes(path);
  if (bytes === null) return null;
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes.subarray(2).toString('utf16le');
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return Buffer.from(bytes.subarray(2, bytes.length - bytes.length % 2)).swap16().toString('utf16le');
  return utf8Text(bytes);
}

/** Python's environments are folders called `.env`; they hold no variables. */
function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() === true;
}

/** Null: there is no such file. */
export function readBytes(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw new BayplanError('unreadable', error instanceof Error && 'code' in error && error.code === 'EISDIR' ? `expected a file, got the folder ${path}; name the file in it` : `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function definedOf(env: Cli['env']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}
