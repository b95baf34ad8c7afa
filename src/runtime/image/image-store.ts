import { rm } from 'node:fs/promises';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ImageStatus } from '../../state/image.ts';
import { normalizeReference, parseReference, repositoryOf } from '../../state/image-reference.ts';
import type { Paths } from '../paths.ts';
import { archiveImages, digestOf, type ArchiveImage } from './archive-images.ts';
import { stageArchive } from './archive.ts';
import { chainIds } from './chain-id.ts';
import { ConfigFile, createdAt, imageConfig } from './config.ts';
import type { Images } from './images.ts';
import { LayerStore } from './layer-store.ts';
import { Layout } from './layout.ts';
import { IMAGE_NAME, Manifest, MANIFEST_TYPE, REF_NAME, type Descriptor, type Index } from './oci.ts';

interface Known { readonly image: ImageStatus; readonly layers: readonly { diffId: string; chainId: string; digest: string }[]; readonly references: string[] }

/** Opens the store at `paths.images` and `paths.layers`. `core`: path of bayplan-core. */
export async function createImages(context: { paths: Paths; core: string }): Promise<Images> {
  const { paths, core } = context;
  const [layout, layers] = await Promise.all([Layout.open(paths.images), LayerStore.open(paths.layers, core)]);
  return new ImageStore(layout, layers);
}

class ImageStore implements Images {
  readonly #layout: Layout;
  readonly #layers: LayerStore;
  #index: Index;
  /** By manifest digest. An image whose documents are damaged is not known, and so can be loaded again. */
  readonly #known = new Map<string, Known>();
  readonly #found = new Map<string, Known>();
  #writing: Promise<void> = Promise.resolve();

  constructor(layout: Layout, layers: LayerStore) {
    this.#layout = layout;
    this.#layers = layers;
    this.#index = layout.readIndex();
    this.#refresh();
  }

  find(reference: string): ImageStatus | null {
    return this.#find(reference)?.image ?? null;
  }

  list(): readonly { readonly references: readonly string[]; readonly image: ImageStatus }[] {
    const first = ({ references, image }: Known): string => references[0] ?? `~${image.id}`; // nameless ones last
    return [...this.#known.values()].sort((a, b) => (first(a) < first(b) ? -1 : 1)).map(({ references, image }) => ({ references, image }));
  }

  async layers(id: string): Promise<readonly string[]> {
    const known = this.#find(id);
    if (known === null) throw new BayplanError('image-not-found', `image ${id} is not in the store: load it`);
    return Promise.all(known.layers.map((layer) => this.#layers.ensure({ ...layer, blob: this.#layout.blobPath(layer.digest) })));
  }

  async load(archive: NodeJS.ReadableStream): Promise<readonly string[]> {
    const staging = await this.#layout.staging();
    try {
      const images = await archiveImages(await stageArchive(archive, staging));
      // Unpacked before they are known: a layer that is refused makes no image.
      await Promise.all(images.flatMap(({ layers }) => layers).map((layer) => this.#layers.ensure(layer)));
      const work = this.#writing.then(() => this.#admit(images));
      this.#writing = work.then(() => undefined, () => undefined); // a failure is its own caller's
      return await work;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') throw new BayplanError('disk-full', 'the disk is full: the image was not loaded; free some space and load it again', { cause: error });
      throw error;
    } finally {
      await rm(staging, { recursive: true, force: true, maxRetries: 3 }); // a file may still be on its way out
    }
  }

  /** Blobs first, then the index: the index never names what is not there. */
  async #admit(images: readonly ArchiveImage[]): Promise<readonly string[]> {
    const moved = new Set<string>();
    const descriptors: Descriptor[] = [];
    for (const { manifest, blobs, references } of images) {
      for (const [digest, file] of blobs) {
        if (moved.has(digest)) continue;
        await this.#layout.adoptBlob(file.path, digest);
        moved.add(digest);
      }
      await this.#layout.addBlob(manifest);
      const plain = { mediaType: Manifest.parse(JSON.parse(manifest.toString())).mediaType ?? MANIFEST_TYPE, digest: digestOf(manifest), size: manifest.length };
      descriptors.push(...(references.length === 0 ? [plain] : references.map((name) => ({ ...plain, annotations: { [REF_NAME]: name, [IMAGE_NAME]: name } }))));
    }
    await this.#layout.syncBlobs();
    await this.#layout.writeIndex(this.#index = withDescriptors(this.#index, descriptors));
    this.#refresh();
    return [...new Set(images.flatMap(({ references, manifest }) => (references.length > 0 ? references : [this.#known.get(digestOf(manifest))?.image.id ?? digestOf(manifest)])))];
  }

  #refresh(): void {
    const before = new Map(this.#known);
    this.#known.clear();
    this.#found.clear();
    for (const descriptor of this.#index.manifests) {
      let known = this.#known.get(descriptor.digest);
      if (known === undefined) {
        try {
          const old = before.get(descriptor.digest);
          known = old === undefined ? this.#readImage(descriptor) : { ...old, references: [] };
        } catch (error) {
          if (error instanceof BayplanError) continue;
          throw error;
        }
        this.#known.set(descriptor.digest, known);
      }
      const name = nameOf(descriptor);
      if (name !== null) known.references.push(name);
    }
  }

  #readImage(descriptor: Descriptor): Known {
    const manifest = this.#document(descriptor.digest, Manifest);
    const file = this.#document(manifest.config.digest, ConfigFile);
    const diffIds = file.rootfs.diff_ids;
    const chain = chainIds(diffIds);
    return {
      image: {
        id: manifest.config.digest, digest: descriptor.digest, createdAt: createdAt(file),
        size: manifest.layers.reduce((sum, layer) => sum + layer.size, 0), config: imageConfig(file),
      },
      layers: manifest.layers.map(({ digest }, position) => ({ digest, diffId: diffIds[position] ?? '', chainId: chain[position] ?? '' })),
      references: [],
    };
  }

  #document<T>(digest: string, schema: { safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error } }): T {
    const parsed = schema.safeParse(parseJson(this.#layout.readBlob(digest)));
    if (!parsed.success) throw new BayplanError('image-damaged', `blob ${digest} in the image store is not what it should be: load the image again`, { cause: parsed.error });
    return parsed.data;
  }

  #find(text: string): Known | null {
    const found = this.#found.get(text) ?? this.#byName(text) ?? this.#byId(text);
    if (found !== null) this.#found.set(text, found);
    return found;
  }

  #byName(text: string): Known | null {
    let name: string;
    let digest: string;
    try {
      name = normalizeReference(text);
      digest = parseReference(text).digest;
    } catch (error) {
      if (error instanceof BayplanError) return null; // an ID, or no name at all: there is no such image
      throw error;
    }
    if (digest === '') return [...this.#known.values()].find(({ references }) => references.includes(name)) ?? null;
    // By digest the tag says nothing, as with docker.
    const repository = repositoryOf(name);
    const known = this.#known.get(digest);
    return known?.references.some((reference) => repositoryOf(reference) === repository) === true ? known : null;
  }

  #byId(text: string): Known | null {
    const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1];
    if (prefix === undefined) return null;
    const fitting = [...this.#known.values()].filter(({ image }) => image.id.startsWith(prefix, 'sha256:'.length));
    return new Set(fitting.map(({ image }) => image.id)).size === 1 ? fitting[0] ?? null : null;
  }
}

/** A name stands for one image; one that loses its last name stays, nameless, for the containers made from it. */
function withDescriptors(index: Index, added: readonly Descriptor[]): Index {
  const names = new Set(added.map(nameOf));
  const kept = index.manifests.map((descriptor): Descriptor => {
    const { annotations, ...plain } = descriptor;
    const name = nameOf(descriptor);
    return annotations === undefined || (name !== null && names.has(name)) ? plain : descriptor;
  });
  const all = [...kept, ...added];
  const named = new Set(all.filter(({ annotations }) => annotations !== undefined).map(({ digest }) => digest));
  const seen = new Set<string>();
  const manifests = all.filter(({ digest, annotations }) => {
    if (annotations !== undefined) return true;
    if (named.has(digest) || seen.has(digest)) return false;
    seen.add(digest);
    return true;
  });
  return { ...index, manifests };
}

/** Whole names are ours; what another program has put into the layout may be shorter, or no name of an image at all. */
function nameOf({ annotations }: Descriptor): string | null {
  const name = annotations?.[IMAGE_NAME] ?? annotations?.[REF_NAME];
  try {
    return name === undefined ? null : normalizeReference(name);
  } catch (error) {
    if (error instanceof BayplanError) return null;
    throw error;
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null; // fits no schema either
  }
}
