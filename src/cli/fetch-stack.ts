import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { BayplanError } from '../state/bayplan-error.ts';
import { parseReference } from '../state/image-reference.ts';
import type { StackArtifact } from '../state/stack-artifact.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

/** Of this program's own: what `oci://` in `-f`, `include` and `extends` asks for. Prints where the stack file is by then. */
export const addFetchStack: AddCommand = (program, cli, ends) => {
  program.command('fetch-stack', { hidden: true }).argument('<reference>')
    .action(ends(async (reference: string, _own: StackOptions, command: { optsWithGlobals<T>(): T }) => {
      const { path } = parseReference(reference);
      cli.stdout.write(`${keep(await clientOf(command.optsWithGlobals<StackOptions>(), cli).stackArtifact(reference), path.slice(path.lastIndexOf('/') + 1), cli)}\n`);
      return 0;
    }));
};

/** In the user's cache folder ($XDG_CACHE_HOME/bayplan/oci), by digest; the folder is called as the repository is, and so is a stack that has no name of its own. What is there under its name is whole. */
function keep({ digest, files }: StackArtifact, name: string, { env }: Cli): string {
  const folder = join(env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache'), 'bayplan', 'oci', digest.replace(/^sha256:/, ''));
  const file = join(folder, name, 'compose.yaml');
  if (existsSync(file)) return file;
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  const made = mkdtempSync(`${folder}.`);
  try {
    mkdirSync(join(made, name));
    for (const [each, content] of Object.entries(files)) writeFileSync(join(made, name, each), Buffer.from(content, 'base64'), { mode: 0o600, flag: 'wx' });
    renameSync(made, folder);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(file)) throw new BayplanError('cache', `cannot keep the stack in ${folder}: ${error instanceof Error ? error.message : String(error)}`, { cause: error }); // else somebody else has kept the same meanwhile
  }
  return file;
}
