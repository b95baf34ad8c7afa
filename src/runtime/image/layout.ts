import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import { statOf } from '../../state/stat-of.ts';
import { syncFolder } from '../record.ts';
import { digestOf } from './archive-images.ts';
import { Index, INDEX_TYPE, Manifest, MANIFEST_TYPE, type Descriptor } from './oci.ts';

/** An OCI image layout on disk (image-layout.md): nothing of ours is in it, so that other programs read it. */
export class Layout {
  readonly #folder: string;
  readonly #blobs: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#blobs = join(folder, 'blobs/sha256');
  }

  /** Makes what is missing and removes what a crash left of loads. */
  static async open(folder: string): Promise<Layout> {
    const layout = new Layout(folder);
    await mkdir(layout.#blobs, { recursive: true, mode: 0o700 });
    for (const parent of [folder, layout.#blobs]) {
      for (const name of await readdir(parent)) if (name.includes('.tmp')) await rm(join(parent, name), { recursive: true, force: true });
    }
    if (!existsSync(join(folder, 'oci-layout'))) await writeDurably(join(folder, 'oci-layout'), Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
    if (!existsSync(join(folder, 'index.json'))) await layout.writeIndex({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] });
    return layout;
  }

  readIndex(): Index {
    const path = join(this.#folder, 'index.json');
    const parsed = Index.safeParse(parse(readFileSync(path, 'utf8')));
    if (!parsed.success) throw new BayplanError('record-damaged', `${path}: this is not an OCI image index; put it back from a backup, or remove it and load the images again, then restart the engine; until then images are known by their IDs alone, and none is added or removed`, { cause: parsed.error });
    return parsed.data;
  }

  /** An index of all manifests that there are, none with a name: what can be known without `index.json`. */
  async indexOfBlobs(): Promise<Index> {
    const manifests: Descriptor[] = [];
    for (const name of (await readdir(this.#blobs)).sort()) {
      const size = statSync(join(this.#blobs, name)).size;
      const manifest = size > LARGEST_MANIFEST ? null : Manifest.safeParse(parse(readFileSync(join(this.#blobs, name), 'utf8'))).data;
      if (manifest) manifests.push({ mediaType: manifest.mediaType ?? MANIFEST_TYPE, digest: `sha256:${name}`, size });
    }
    return { schemaVersion: 2, mediaType: INDEX_TYPE, manifests };
  }

  async writeIndex(index: Index): Promise<void> {
    await writeDurably(join(this.#folder, 'index.json'), Buffer.from(JSON.stringify(index)));
  }

  blobPath(digest: string): string {
    return join(this.#blobs, digest.slice('sha256:'.length));
  }

  /** Whether there is a blob of that size. Its content is checked where it is used. */
  holds({ digest, size }: Pick<Descriptor, 'digest' | 'size'>): boolean {
    return statOf(this.blobPath(digest))?.size === size;
  }

  /** A small blob (manifest, config), checked. Throws BayplanError `image-damaged`. */
  readBlob(digest: string): Buffer {
    let bytes: Buffer;
    try {
      bytes = readFileSync(this.blobPath(digest));
    } catch (cause) {
      throw new BayplanError('image-damaged', `blob ${digest} is missing from the image store: load the image again`, { cause });
    }
    if (digestOf(bytes) !== digest) throw new BayplanError('image-damaged', `blob ${digest} in the image store is damaged: load the image again`);
    return bytes;
  }

  hasBlob(digest: string): boolean {
    return existsSync(this.blobPath(digest));
  }

  /** Removes all blobs but these. */
  async removeOthers(needed: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#blobs)) {
      if (/^[0-9a-f]{64}$/.test(name) && !needed.has(`sha256:${name}`)) await rm(join(this.#blobs, name), { force: true });
    }
  }

  async addBlob(bytes: Buffer): Promise<void> {
    await writeDurably(this.blobPath(digestOf(bytes)), bytes);
  }

  /** Moves a file that is already durable and checked to its place. Takes the place of what is there, which may be damaged. */
  async adoptBlob(path: string, digest: string): Promise<void> {
    await rename(path, this.blobPath(digest));
  }

  async syncBlobs(): Promise<void> {
    await syncFolder(this.#blobs);
  }

  /** Where a blob that is on its way is kept; what a crash leaves there is removed when the layout is opened. */
  incoming(): string {
    return join(this.#folder, `blob-${randomBytes(4).toString('hex')}.tmp`);
  }

  /** A folder for one load or save, on the same file system. */
  async staging(): Promise<string> {
    const folder = join(this.#folder, `load-${randomBytes(4).toString('hex')}.tmp`);
    await mkdir(folder, { mode: 0o700 });
    return folder;
  }
}

/** Registries take none that is larger. */
const LARGEST_MANIFEST = 4 * 1024 * 1024;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // no index either way
  }
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(join(path, '..'));
}
