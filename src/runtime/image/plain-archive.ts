import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { BayplanError } from '../../state/bayplan-error.ts';

/** So many first bytes tell how an archive is compressed. */
export const MAGIC_LENGTH = 6;

/** First bytes of compressed archives. */
const MAGIC: readonly (readonly [name: string, bytes: readonly number[]])[] = [['gzip', [0x1f, 0x8b]], ['bzip2', [0x42, 0x5a, 0x68]], ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]], ['zstd', [0x28, 0xb5, 0x2f, 0xfd]]];

/** By what it is compressed, of an archive's first bytes; undefined: by nothing that is known. */
export function compressionOf(head: Uint8Array): string | undefined {
  return MAGIC.find(([, bytes]) => bytes.every((byte, index) => head[index] === byte))?.[0];
}

/** An archive without its compression, which its first bytes tell. Rejects with BayplanError `bad-request` where there is nothing, `not-built` for a compression other than gzip. */
export async function plainArchive(archive: Readable): Promise<Readable> {
  let head = Buffer.alloc(0);
  for await (const chunk of archive.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))]);
    if (head.length >= MAGIC_LENGTH) break;
  }
  if (head.length === 0) throw new BayplanError('bad-request', 'the archive is empty');
  archive.unshift(head);
  const name = compressionOf(head);
  if (name === undefined) return archive;
  if (name !== 'gzip') throw new BayplanError('not-built', `archives compressed by ${name} are not imported: undo that first, as by \`${name} -dc\``);
  const plain = createGunzip();
  archive.once('error', (error) => plain.destroy(error));
  plain.once('error', (error) => archive.destroy(error));
  return archive.pipe(plain);
}
