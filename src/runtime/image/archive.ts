import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, statfs } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import * as zlib from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { BayplanError } from '../../state/bayplan-error.ts';
import { compressionOf, MAGIC_LENGTH } from './plain-archive.ts';

/** A file of an archive, in the staging folder. */
export interface StagedFile { readonly path: string; readonly digest: string; readonly size: number }

/** The files of an archive by their names in it; links in it count as the file they lead to. */
export interface StagedArchive {
  get(name: string): StagedFile | undefined;
  read(name: string): Promise<string>;
}

/**
 * Streams a tar (plain, gzip, or zstd where Node has that) into numbered files below `folder`, hashing on the way: no name in it becomes a path on the
 * host. Files below `blobs/sha256/` must have the digest that they are named by. Throws BayplanError `bad-archive`.
 */
export async function stageArchive(archive: NodeJS.ReadableStream, folder: string): Promise<StagedArchive> {
  const files = new Map<string, StagedFile>();
  const links = new Map<string, string>();
  const work: Promise<void>[] = [];
  const reading = new Set<ReadEntry>();
  let failure: unknown = null;
  const fail = (error: unknown): void => { failure ??= error; };

  const parser = new Parser({
    strict: true,
    maxDecompressionRatio: Infinity, // layers of zeros are no attack: what they take is checked where they are unpacked
    onReadEntry: (entry) => {
      const name = cleanName(entry.path);
      if (entry.type === 'SymbolicLink') links.set(name, posix.join(posix.dirname(name), entry.linkpath ?? ''));
      else if (entry.type === 'Link') links.set(name, cleanName(entry.linkpath ?? ''));
      else if (entry.type === 'File' || entry.type === 'OldFile' || entry.type === 'ContiguousFile') {
        // Consumed one after the other: the parser hands out the next entry when this one has been read.
        const path = join(folder, String(work.length));
        files.set(name, { path, digest: '', size: 0 });
        reading.add(entry.on('error', fail));
        work.push(stageFile(entry, path).then((file) => {
          const expected = /^blobs\/sha256\/([^/]+)$/.exec(name)?.[1];
          if (expected !== undefined && file.digest !== `sha256:${expected}`) throw bad(`blob ${name} has the digest ${file.digest}: the archive was changed or is damaged`);
          files.set(name, file);
        }).catch((error: unknown) => { fail(error); entry.resume(); }).finally(() => reading.delete(entry)));
        return;
      }
      entry.resume();
    },
  });
  const ended = new Promise<void>((resolve) => {
    parser.on('error', (error: Error) => { fail(bad(files.size + links.size === 0 ? 'it is no tar archive' : sentence(error), error)); resolve(); });
    parser.on('end', resolve);
  });

  let head = Buffer.alloc(0);
  try {
    for await (const piece of archive) {
      if (failure !== null) break;
      const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
      if (head.length < MAGIC_LENGTH) checkCompression(head = Buffer.concat([head, chunk.subarray(0, MAGIC_LENGTH)]));
      if (!parser.write(chunk)) await Promise.race([once(parser, 'drain'), ended]);
    }
  } catch (error) {
    fail(error);
  }
  if (failure === null) {
    parser.end();
    await ended;
  }
  if (failure !== null) {
    const cause = failure instanceof Error ? failure : new Error(String(failure));
    parser.abort(cause);
    for (const entry of reading) entry.destroy(cause); // whoever reads the rest of it would wait for ever, its file open
  }
  await Promise.all(work);
  if (failure !== null) throw failure;

  const get = (name: string): StagedFile | undefined => {
    let at = name;
    for (let hops = 0; hops < 8 && links.has(at); hops++) at = links.get(at) ?? at;
    return files.get(at);
  };
  return {
    get,
    read: async (name) => {
      const file = get(name);
      if (file === undefined) throw bad(`${name} is missing`);
      // Documents, not layers: nobody's manifest is that large.
      if (file.size > 16 * 1024 * 1024) throw bad(`${name} has ${file.size} bytes, which is too large for a document`);
      return readFile(file.path, 'utf8');
    },
  };
}

export function bad(what: string, cause?: unknown): BayplanError {
  return new BayplanError('bad-archive', `not a usable image archive: ${what}`, { cause });
}

/** Refuses what the parser cannot undo: it would say that this is no archive. */
function checkCompression(head: Buffer): void {
  const name = compressionOf(head);
  if (name !== undefined && name !== 'gzip' && !(name === 'zstd' && 'createZstdDecompress' in zlib)) throw bad(`it is compressed by ${name}: undo that first, as by \`${name} -dc FILE | bayplan load -\``);
}

/** The parser's own words, save for what a download that was cut off says. */
function sentence(error: Error): string {
  const missing = /needed (\d+) more bytes/.exec(error.message)?.[1];
  return missing === undefined ? error.message.replace(/^TAR_\w+: /, '') : `it is cut off, at least ${missing} bytes are missing: get it again`;
}

async function stageFile(entry: ReadEntry, path: string): Promise<StagedFile> {
  await checkRoom(entry, path);
  const hash = createHash('sha256');
  const file = await open(path, 'wx', 0o600);
  let size = 0;
  try {
    for await (const chunk of entry) {
      hash.update(chunk);
      size += chunk.length;
      await file.writeFile(chunk);
    }
    if (size !== entry.size) throw bad(`${entry.path} is cut off: the archive is truncated`);
    await file.sync();
  } finally {
    await file.close();
  }
  return { path, digest: `sha256:${hash.digest('hex')}`, size };
}

/** Refuses at once what the disk cannot hold: a small archive may unpack to more than there is. */
async function checkRoom(entry: ReadEntry, path: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  if (entry.size > bavail * bsize) throw new BayplanError('disk-full', `${entry.path} of the image archive has ${entry.size} bytes, the disk has ${bavail * bsize} left: free some space and load it again`);
}

function cleanName(name: string): string {
  return posix.normalize(`/${name}`).slice(1);
}
