import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { BayplanError } from '../state/bayplan-error.ts';
import { imagesOf } from './image-options.ts';
import type { Invoked } from './list-options.ts';
import type { AddCommand } from './program.ts';

export const addSave: AddCommand = (program, cli, ends) => {
  program.command('save').description('save images as an archive that `bayplan load`, `docker load` and readers of OCI layouts take')
    .argument('<image...>')
    .option('-o, --output <file>', 'write it here instead of to standard output')
    .action(ends(async (names: readonly string[], { output }: { readonly output?: string }, command: Invoked) => {
      if (output === undefined && cli.stdout.isTTY === true) throw new BayplanError('bad-request', 'an archive is not written to a terminal: give -o FILE, or redirect it');
      const path = output === undefined ? null : await writable(resolve(cli.cwd, output));
      const archive = await imagesOf(command, cli).save(names);
      if (path === null) await pipeline(archive, cli.stdout, { end: false });
      else await writeWhole(archive, path);
      return 0;
    }));
};

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such folder', ENOTDIR: 'what its folder should be is a file', EACCES: 'that is not permitted', EROFS: 'the disk is read-only', ENOSPC: 'the disk is full',
};

/** The file appears when all of it is there. */
async function writeWhole(archive: NodeJS.ReadableStream, path: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await pipeline(archive, createWriteStream(temporary, { mode: 0o600, flags: 'wx' }));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof Error && 'code' in error && Object.hasOwn(CAUSES, String(error.code))) {
      throw new BayplanError('cannot-write', `${path} cannot be written: ${CAUSES[String(error.code)] ?? error.message}`, { cause: error });
    }
    throw error;
  }
}

async function writable(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found !== null && !found.isFile()) throw new BayplanError('bad-request', `${path} is there and is no file: give another name to -o`);
  return path;
}
