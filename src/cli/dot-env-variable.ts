import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseEnvFile } from '../stack/dotenv.ts';
import { Mistakes } from '../stack/mistake.ts';
import { statOf } from '../state/stat-of.ts';
import type { Cli } from './cli.ts';
import type { StackOptions } from './options.ts';

/**
 * A variable that says which stack is meant (COMPOSE_FILE, COMPOSE_PROFILES, …): the process's, else that of `--env-file`, else of the `.env` beside the stack
 * file. Only what its line says, unless that names others: the files are read whole, with all their forms, and their mistakes told, when the stack is loaded.
 */
export function composeVariable(name: string, options: StackOptions, cli: Cli): string | undefined {
  const own = cli.env[name];
  if (own !== undefined) return own;
  for (const file of [...envFilesOf(options, cli) ?? [join(folderOf(options, cli), '.env')]].reverse()) {
    if (statOf(file)?.isFile() !== true) continue; // a pipe can be read once
    const text = readFileSync(file, 'utf8');
    const lines = [...text.matchAll(new RegExp(`^[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*[=:][ \\t]*(?:"([^"\\n]*)"|'([^'\\n]*)'|([^\\n]*?))[ \\t]*(?:[ \\t]#.*)?\\r?$`, 'gm'))];
    const last = lines.at(-1);
    if (last === undefined) continue;
    const found = last[1] ?? last[2] ?? last[3] ?? '';
    return found.includes('$') && last[2] === undefined ? parseEnvFile(file, text, (other) => cli.env[other], new Mistakes()).get(name) : found;
  }
  return undefined;
}

/** The env files that were asked for, absolute: `--env-file`, else COMPOSE_ENV_FILES; none with COMPOSE_DISABLE_ENV_FILE; null: `.env`, where there is one. */
export function envFilesOf(options: StackOptions, cli: Cli): readonly string[] | null {
  const listed = cli.env['COMPOSE_ENV_FILES']?.split(',').filter((file) => file !== '') ?? [];
  const named = options.envFile ?? listed;
  if (named.length > 0) return named.map((file) => resolve(cli.cwd, file));
  return /^(1|t|true)$/i.test(cli.env['COMPOSE_DISABLE_ENV_FILE'] ?? '') ? [] : null;
}

/** Where a stack is looked for before its files are known. */
export function folderOf(options: StackOptions, cli: Cli): string {
  const file = options.file?.find((each) => each !== '-');
  return options.projectDirectory !== undefined ? resolve(cli.cwd, options.projectDirectory) : file === undefined ? cli.cwd : dirname(resolve(cli.cwd, file));
}
