import { digestOf } from './archive-images.ts';
import { document } from './catalog.ts';
import { withChange, type RunConfig } from './commit-config.ts';
import { changedConfig, committedDocuments, emptyImage, storeLayer, type CommitRequest, type ImportRequest, type StoredBlob } from './commit.ts';
import { ConfigFile } from './config.ts';
import { tellingFullDisk } from './full-disk.ts';
import type { ImageIndex } from './image-index.ts';
import { named } from './index-names.ts';
import type { LayerStore } from './layer-store.ts';
import type { Layout } from './layout.ts';
import { Manifest, MANIFEST_TYPE } from './oci.ts';
import { plainArchive } from './plain-archive.ts';

export interface ImageMakerContext {
  readonly layout: Layout;
  readonly layers: LayerStore;
  readonly index: ImageIndex;
  readonly now: () => number;
}

/** Makes images of what containers have written, and of archives of files. Answers their IDs. */
export class ImageMaker {
  readonly #context: ImageMakerContext;

  constructor(context: ImageMakerContext) {
    this.#context = context;
  }

  async commit(request: CommitRequest): Promise<string> {
    return await making(request, async () => {
      const { layout, index } = this.#context;
      const manifest = document(layout, index.known(request.base).image.digest, Manifest);
      const file = document(layout, manifest.config.digest, ConfigFile);
      const config = changedConfig(file.config ?? {}, request.spec, request.changes);
      return await this.#add(file, manifest, await storeLayer(layout, request.layer), config, request);
    });
  }

  async import(request: ImportRequest): Promise<string> {
    return await making(request, async () => {
      const { layout, layers } = this.#context;
      const { file, manifest } = emptyImage();
      const config = request.changes.reduce(withChange, {});
      const stored = await storeLayer(layout, await plainArchive(request.layer));
      const { descriptor: { digest }, diffId } = stored;
      await layers.ensureAll([{ diffId, chainId: diffId, digest, blob: layout.blobPath(digest) }]); // a layer that is refused makes no image
      return await this.#add(file, manifest, stored, config, { ...request, author: '' });
    });
  }

  /** An image of a former one's documents, with one layer more. */
  async #add(file: ConfigFile, manifest: Manifest, layer: StoredBlob, config: RunConfig, request: Pick<CommitRequest, 'author' | 'message' | 'reference'>): Promise<string> {
    const { layout, layers, index, now } = this.#context;
    const documents = committedDocuments(file, manifest, layer, config, request, new Date(now()).toISOString());
    const id = digestOf(documents.config);
    const bytes = documents.manifestOf({ digest: id, size: documents.config.length });
    await layout.addBlob(documents.config);
    await layout.addBlob(bytes);
    await layout.syncBlobs();
    const descriptors = named({ mediaType: MANIFEST_TYPE, digest: digestOf(bytes), size: bytes.length }, request.reference === null ? [] : [request.reference]);
    await index.exclusively(() => index.add(descriptors));
    await layers.ensureAll(index.known(id).layers.map((each) => ({ ...each, blob: layout.blobPath(each.digest) })));
    return id;
  }
}

async function making({ layer }: ImportRequest, make: () => Promise<string>): Promise<string> {
  try {
    return await tellingFullDisk('no image was made; free some space and try again', make);
  } catch (error) {
    layer.destroy();
    throw error;
  }
}
