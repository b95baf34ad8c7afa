import { resolve } from 'node:path';
import { Mistakes, parseEnvFile } from '../stack/index.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { MistakesFound, readText, tellMistakes } from './load-project.ts';

/** Variables of env files as `run --env-from-file` takes them: later files win, and a name without a value is the user's own. */
export function envFromFiles(files: readonly string[], cli: Cli): Readonly<Record<string, string>> {
  const variables = new Map<string, string>();
  const mistakes = new Mistakes();
  for (const file of files) {
    const path = resolve(cli.cwd, file);
    const text = readText(path);
    if (text === null) throw new BayplanError('not-found', `there is no env file ${path}`);
    for (const [name, value] of parseEnvFile(path, text, (variable) => cli.env[variable], mistakes, { earlier: (variable) => variables.get(variable) })) variables.set(name, value);
  }
  if (mistakes.count > 0) {
    tellMistakes(mistakes.all(), cli);
    throw new MistakesFound(mistakes.count);
  }
  return Object.fromEntries(variables);
}
