import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { BayplanError } from '../state/bayplan-error.ts';
import { statOf } from '../state/stat-of.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { AddCommand } from './program.ts';

export const addLoad: AddCommand = (program, cli, ends) => {
  program.command('load').description('load images: an OCI layout (folder or tar) or an archive of `docker save`')
    .argument('[file]', 'the folder or file; - reads standard input, as does no file')
    .option('-i, --input <file>', 'the same, as `docker load` has it')
    .option('-q, --quiet', 'no difference: there is no progress to leave out')
    .action(ends(async (file: string | undefined, _own: object, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<{ readonly root?: string; readonly input?: string }>();
      if (file !== undefined && options.input !== undefined) throw new BayplanError('bad-request', `load takes one file, got ${file} and -i ${options.input}`);
      const from = file ?? options.input ?? '-';
      if (from === '-' && cli.stdin.isTTY === true) throw new BayplanError('bad-request', 'an archive does not come from a terminal: name a file or folder, or redirect the input');
      for (const line of await clientOf(options, cli).load(await archiveOf(from, cli))) cli.stdout.write(`${line}\n`);
      return 0;
    }));
};

async function archiveOf(file: string, cli: Cli): Promise<Readable> {
  if (file === '-') return cli.stdin;
  const path = resolve(cli.cwd, file);
  const found = statOf(path);
  if (found === undefined) throw new BayplanError('no-file', `no file or folder ${path} to load`);
  if (!found.isDirectory()) return createReadStream(path);
  await access(join(path, 'oci-layout')).catch(() => {
    throw new BayplanError('bad-archive', `${path} is no OCI image layout: it has no file oci-layout`);
  });
  const { create } = await import('tar');
  return Readable.from(create({ cwd: path, portable: true }, ['.']));
}
