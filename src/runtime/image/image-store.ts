import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import PQueue from 'p-queue';
import { BayplanError } from '../../state/bayplan-error.ts';
import { familiarReference, isReference, normalizeReference, parseReference, repositoryOf } from '../../state/image-reference.ts';
import type { ImageStatus } from '../../state/image.ts';
import type { PartProgress } from '../../state/messages.ts';
import type { RegistryCredentials } from '../../state/registry-credentials.ts';
import type { Paths } from '../../state/paths.ts';
import type { StackArtifact } from '../../state/stack-artifact.ts';
import { SetAsides } from '../set-aside.ts';
import { overlayDriver } from '../storage/overlay-driver.ts';
import type { StorageDriver } from '../storage/storage-driver.ts';
import { archiveImages, digestOf, type ArchiveImage } from './archive-images.ts';
import { stageArchive } from './archive.ts';
import { Catalog, document, type Known } from './catalog.ts';
import { layerFolder } from './chain-id.ts';
import { withChange, type RunConfig } from './commit-config.ts';
import { changedConfig, committedDocuments, emptyImage, storeLayer, type CommitRequest, type ImportRequest, type StoredBlob } from './commit.ts';
import { ConfigFile } from './config.ts';
import type { ImageDetails, Images, ImageUser, ImageUsers, Pulled, PullOptions, Removed, StoredImage } from './images.ts';
import { InFlight } from './in-flight.ts';
import { named, withDescriptors, withoutNames } from './index-names.ts';
import { LayerStore } from './layer-store.ts';
import { Layout } from './layout.ts';
import { Manifest, MANIFEST_TYPE, type Descriptor, type Index } from './oci.ts';
import { plainArchive } from './plain-archive.ts';
import { asPulled, pulledName } from './pulled-names.ts';
import { reachable } from './reachable.ts';
import type { PullStore } from './registry/pull.ts';
import type { Described } from './registry/describe.ts';
import { RegistryClient } from './registry/registry-client.ts';
import { SharedWork } from './registry/shared-work.ts';
import { pruning, removalOf, type Removal } from './removal.ts';
import { saveArchive } from './save.ts';

export interface ImageContext {
  readonly paths: Paths;
  /** Path of bayplan-core. */
  readonly core: string;
  /** Default: overlay. */
  readonly storage?: StorageDriver;
  /** Default: registries without any settings. */
  readonly registries?: RegistryClient;
  readonly now?: () => number;
  readonly users: ImageUsers;
  /** Receives what went wrong where nobody waits for an answer. */
  readonly report?: (line: string) => void;
  readonly asides?: SetAsides;
}

/** Opens the store at `paths.images` and `paths.layers`. */
export async function createImages(context: ImageContext): Promise<Images> {
  const { paths, core, storage = overlayDriver(paths, core), asides = new SetAsides() } = context;
  const [layout, layers] = await Promise.all([Layout.open(paths.images), LayerStore.open(paths.layers, core, storage)]);
  const index = asides.read({ kind: 'images', name: '', stack: null }, () => layout.readIndex()) ?? await layout.indexOfBlobs();
  return new ImageStore(layout, layers, index, { ...context, asides });
}

/** Layers that come at the same time, for whatever images. */
const DOWNLOADS = 4;

class ImageStore implements Images {
  readonly #layout: Layout;
  readonly #layers: LayerStore;
  readonly #users: ImageUsers;
  readonly #report: (line: string) => void;
  readonly #catalog: Catalog;
  readonly #inFlight = new InFlight();
  readonly #registries: RegistryClient;
  readonly #now: () => number;
  readonly #pulls = new SharedWork<Pulled, PartProgress>();
  readonly #pullStore: PullStore;
  readonly #asides: SetAsides;
  #index: Index;
  #writing: Promise<void> = Promise.resolve();

  constructor(layout: Layout, layers: LayerStore, index: Index, { registries = new RegistryClient({}), now = () => Date.now(), users, report = () => undefined, asides }: ImageContext & { readonly asides: SetAsides }) {
    this.#layout = layout;
    this.#layers = layers;
    this.#registries = registries;
    this.#now = now;
    const downloads = new PQueue({ concurrency: DOWNLOADS });
    this.#pullStore = { layout, layers, downloads: new SharedWork(), slot: (work) => downloads.add(work) };
    this.#users = users;
    this.#report = report;
    this.#asides = asides;
    this.#index = index;
    this.#catalog = new Catalog(layout, this.#index);
  }

  find(reference: string): ImageStatus | null {
    return this.#catalog.find(reference)?.image ?? null;
  }

  list(): readonly StoredImage[] {
    return this.#catalog.list();
  }

  details(reference: string): ImageDetails {
    const { image, layers } = this.#known(reference);
    const { config } = document(this.#layout, image.digest, Manifest);
    return {
      references: this.#catalog.list().filter((known) => known.image.id === image.id).flatMap(({ references }) => references),
      config: document(this.#layout, config.digest, ConfigFile), layers, storedAt: statSync(this.#layout.blobPath(image.digest)).mtimeMs,
    };
  }

  async layers(id: string): Promise<readonly string[]> {
    const known = this.#catalog.find(id);
    if (known === null) throw new BayplanError('image-not-found', `image ${id} is not in the store: load it`);
    return await this.#layers.ensureAll(known.layers.map((layer) => ({ ...layer, blob: this.#layout.blobPath(layer.digest) })));
  }

  pulledAt(reference: string): number {
    return isReference(reference) ? pulledName(this.#index, pullName(reference))?.at ?? 0 : 0; // an ID
  }

  async pull(reference: string, { credentials, signal, onProgress }: PullOptions): Promise<Pulled> {
    const name = pullName(reference);
    // Others with other credentials may be refused where these are not.
    return await this.#pulls.run(`${name} ${JSON.stringify(credentials)}`, (signal, onProgress) => this.#inFlight.during(() => this.#pull(name, { credentials, signal, onProgress })), signal, onProgress);
  }

  async tags(reference: string, { credentials, signal }: Pick<PullOptions, 'credentials' | 'signal'>): Promise<readonly string[]> {
    return await this.#registries.tags(normalizeReference(reference), credentials, signal);
  }

  async stackArtifact(reference: string, { credentials, signal }: Pick<PullOptions, 'credentials' | 'signal'>): Promise<StackArtifact> {
    return await this.#registries.stackArtifact(normalizeReference(reference), credentials, signal);
  }

  async describe(reference: string, { credentials, signal }: Pick<PullOptions, 'credentials' | 'signal'>): Promise<Described> {
    return await this.#registries.describe(normalizeReference(reference), credentials, signal);
  }

  async push(reference: string, options: PullOptions): Promise<{ digest: string; size: number }> {
    const name = normalizeReference(reference);
    if (name.includes('@')) throw new BayplanError('bad-reference', `image "${reference}": an image is pushed by a tag, not by a digest: give NAME:TAG`);
    const known = this.#catalog.byName(name);
    if (known === null) throw new BayplanError('not-found', `An image does not exist locally with the tag: ${familiarReference(name)}`);
    const { digest, id } = known.image;
    const manifestBytes = this.#layout.readBlob(digest);
    const siblings = this.#catalog.list().filter(({ image }) => image.id === id).flatMap(({ references }) => references);
    await this.#inFlight.during(() => this.#registries.push({ ...options, reference: name }, {
      layout: this.#layout, manifest: document(this.#layout, digest, Manifest), manifestBytes, manifestDigest: digest,
    }, siblings));
    return { digest, size: manifestBytes.length };
  }

  async verify(host: string, credentials: RegistryCredentials, signal: AbortSignal): Promise<void> {
    await this.#registries.verify(host, credentials, signal);
  }

  async commit(request: CommitRequest): Promise<string> {
    return await this.#making(request, () => this.#commit(request));
  }

  async import(request: ImportRequest): Promise<string> {
    return await this.#making(request, () => this.#import(request));
  }

  async #making({ layer }: ImportRequest, make: () => Promise<string>): Promise<string> {
    try {
      return await this.#inFlight.during(make);
    } catch (error) {
      layer.destroy();
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') throw new BayplanError('disk-full', 'the disk is full: no image was made; free some space and try again', { cause: error });
      throw error;
    }
  }

  async load(archive: NodeJS.ReadableStream): Promise<readonly string[]> {
    try {
      return await this.#inFlight.during(() => this.#load(archive));
    } catch (error) {
      await this.sweep(); // some of its layers may have been unpacked
      throw error;
    }
  }

  async save(references: readonly string[]): Promise<NodeJS.ReadableStream> {
    const images = new Map<string, readonly string[]>();
    for (const reference of references) {
      for (const { image, names } of this.#toSave(reference)) images.set(image.digest, [...new Set([...images.get(image.digest) ?? [], ...names.filter((name) => !name.includes('@'))])]);
    }
    const staging = await this.#layout.staging();
    const remove = (): void => {
      rm(staging, { recursive: true, force: true }).catch((error: unknown) => this.#report(`${staging}: ${String(error)}`));
    };
    try {
      return (await this.#inFlight.during(() => saveArchive(this.#layout, images, staging))).once('close', remove);
    } catch (error) {
      remove();
      throw error;
    }
  }

  /** Docker's rule: all tags of a repository that is named without one, and no names of an image that is meant by its ID. */
  #toSave(reference: string): readonly { readonly image: ImageStatus; readonly names: readonly string[] }[] {
    if (repositoryOf(reference) === reference && isReference(reference)) {
      const repository = repositoryOf(normalizeReference(reference));
      const tagged = this.#catalog.list().map(({ image, references }) => ({ image, names: references.filter((name) => repositoryOf(name) === repository && !name.includes('@')) })).filter(({ names }) => names.length > 0);
      if (tagged.length > 0) return tagged;
    }
    const { image } = this.#known(reference);
    return [{ image, names: this.#catalog.byName(reference) === null ? [] : [normalizeReference(reference)] }];
  }

  async tag(image: string, reference: string): Promise<void> {
    const name = normalizeReference(reference);
    if (parseReference(name).path === 'library/sha256') throw new BayplanError('bad-reference', 'refusing to create an ambiguous tag using digest algorithm as name'); // `sha256:TAG` reads as an ID
    if (name.includes('@')) throw new BayplanError('bad-reference', `image "${reference}": a tag cannot have a digest: give NAME:TAG`);
    await this.#exclusively(async () => {
      const { digest } = this.#known(image).image;
      const plain = this.#index.manifests.find((descriptor) => descriptor.digest === digest);
      if (plain !== undefined) await this.#change(withDescriptors(this.#index, named(plain, [name])));
    });
  }

  async remove(reference: string, force: boolean): Promise<Removed> {
    return await this.#take((users) => removalOf(this.#catalog, reference, force, users));
  }

  async prune(fits: (image: StoredImage) => boolean): Promise<Removed> {
    return await this.#take((users) => pruning(this.#catalog, fits, users));
  }

  async sweep(): Promise<void> {
    await this.#inFlight.whenIdle(() => this.#sweep());
  }

  async #pull(name: string, { credentials, signal, onProgress }: PullOptions): Promise<Pulled> {
    const known = this.#catalog.byName(name);
    const whole = known !== null && known.layers.every((layer) => this.#layout.holds(layer) && this.#layers.has(layer.chainId));
    const current = !whole ? null : name.includes('@') ? parseReference(name).digest : pulledName(this.#index, name)?.digest ?? null;
    try {
      const pulled = await this.#registries.pull({ reference: name, credentials, current, signal, onProgress }, this.#pullStore);
      await this.#layout.syncBlobs();
      const digest = pulled?.digest ?? current ?? '';
      return await this.#exclusively(async () => {
        const manifest = pulled?.manifest ?? this.#index.manifests.find((descriptor) => descriptor.digest === known?.image.digest);
        if (manifest === undefined) throw new BayplanError('image-not-found', `image ${familiarReference(name)} was removed while it was pulled: pull it again`, { retryable: true });
        await this.#change(withDescriptors(this.#index, named(manifest, [name]).map((descriptor) => asPulled(descriptor, { digest, at: this.#now() }))));
        return { reference: name, digest, changed: pulled !== null && pulled.manifest.digest !== known?.image.digest };
      });
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') throw new BayplanError('disk-full', `the disk is full: image ${familiarReference(name)} was not pulled; free some space and pull it again`, { cause: error });
      throw error;
    }
  }

  async #commit(request: CommitRequest): Promise<string> {
    const { image } = this.#known(request.base);
    const manifest = document(this.#layout, image.digest, Manifest);
    const file = document(this.#layout, manifest.config.digest, ConfigFile);
    const config = changedConfig(file.config ?? {}, request.spec, request.changes);
    return await this.#made(file, manifest, await storeLayer(this.#layout, request.layer), config, request);
  }

  async #import(request: ImportRequest): Promise<string> {
    const { file, manifest } = emptyImage();
    const config = request.changes.reduce(withChange, {});
    const stored = await storeLayer(this.#layout, await plainArchive(request.layer));
    const { descriptor: { digest }, diffId } = stored;
    await this.#layers.ensureAll([{ diffId, chainId: diffId, digest, blob: this.#layout.blobPath(digest) }]); // a layer that is refused makes no image
    return await this.#made(file, manifest, stored, config, { ...request, author: '' });
  }

  async #made(file: ConfigFile, manifest: Manifest, stored: StoredBlob, config: RunConfig, request: Pick<CommitRequest, 'author' | 'message' | 'reference'>): Promise<string> {
    const documents = committedDocuments(file, manifest, stored, config, request, new Date(this.#now()).toISOString());
    const id = digestOf(documents.config);
    const bytes = documents.manifestOf({ digest: id, size: documents.config.length });
    await this.#layout.addBlob(documents.config);
    await this.#layout.addBlob(bytes);
    await this.#layout.syncBlobs();
    const descriptors = named({ mediaType: MANIFEST_TYPE, digest: digestOf(bytes), size: bytes.length }, request.reference === null ? [] : [request.reference]);
    await this.#exclusively(() => this.#change(withDescriptors(this.#index, descriptors)));
    await this.layers(id);
    return id;
  }

  async #load(archive: NodeJS.ReadableStream): Promise<readonly string[]> {
    const staging = await this.#layout.staging();
    try {
      const images = await archiveImages(await stageArchive(archive, staging));
      // Unpacked before they are known: a layer that is refused makes no image.
      const unpacked = await Promise.allSettled(images.map(({ layers }) => this.#layers.ensureAll(layers)));
      for (const each of unpacked) if (each.status === 'rejected') throw each.reason; // when none is under way any more
      return await this.#exclusively(() => this.#admit(images));
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
      descriptors.push(...named({ mediaType: Manifest.parse(JSON.parse(manifest.toString())).mediaType ?? MANIFEST_TYPE, digest: digestOf(manifest), size: manifest.length }, references));
    }
    await this.#layout.syncBlobs();
    await this.#change(withDescriptors(this.#index, descriptors));
    return [...new Set(images.flatMap(({ references, manifest }) => (references.length > 0 ? references : [this.#catalog.byDigest(digestOf(manifest))?.image.id ?? digestOf(manifest)])))];
  }

  /**
   * Takes images away: from the index first, so that it never names what is not there; files after it, which the next engine's sweep finishes. What goes is
   * decided and gone from the catalog in one turn of the event loop: no container can be made of it in between.
   */
  async #take(decide: (users: readonly ImageUser[]) => Removal): Promise<Removed> {
    const removed = await this.#exclusively(async () => {
      const users = this.#users();
      if (users === null) throw new BayplanError('not-ready', 'the engine is still starting: try again', { retryable: true });
      const unknown = users.find(({ imageId }) => imageId === '');
      if (unknown !== undefined) throw new BayplanError('conflict', `no image can be removed while it is not known which one container ${unknown.container} was made from: its record cannot be read ("docker info" says why)`);
      const { names, manifests } = decide(users);
      const before = this.#catalog.list();
      const index = withoutNames(this.#index, new Set(names));
      await this.#change({ ...index, manifests: index.manifests.filter(({ digest }) => !manifests.includes(digest)) });
      return { untagged: names, ...lost(before, this.#catalog.list()) };
    });
    if (removed.deleted.length > 0) await this.sweep();
    return removed;
  }

  /** Removes blobs and layers that the index does not lead to; none at all while it cannot be known what is needed. */
  async #sweep(): Promise<void> {
    try {
      const users = this.#users();
      if (this.#asides.has('images') || users === null || users.some(({ imageId }) => this.#catalog.find(imageId) === null)) return; // its layers may be in use
      const needed = reachable(this.#layout, this.#index);
      if (needed === null) return;
      await this.#layers.removeOthers(needed.layers);
      await this.#layout.removeOthers(needed.blobs);
    } catch (error) {
      this.#report(`unused layers of images could not be removed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** The new index is what counts at once; it is taken back where it cannot be written. */
  async #change(index: Index): Promise<void> {
    this.#asides.refuse('images', '');
    const before = this.#index;
    this.#catalog.read(this.#index = index);
    try {
      await this.#layout.writeIndex(index);
    } catch (error) {
      this.#catalog.read(this.#index = before);
      throw error;
    }
  }

  /** One change of the index after the other. */
  async #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const work = this.#writing.then(change);
    this.#writing = work.then(() => undefined, () => undefined); // a failure is its own caller's
    return await work;
  }

  #known(reference: string): Known {
    const known = this.#catalog.find(reference);
    if (known === null) throw new BayplanError('not-found', `No such image: ${reference}`);
    return known;
  }
}

/** The name that a pull gives: with a digest the tag says nothing. Throws BayplanError `bad-reference`. */
function pullName(reference: string): string {
  const name = normalizeReference(reference);
  const { digest } = parseReference(name);
  return digest === '' ? name : `${repositoryOf(name)}@${digest}`;
}

/** Image IDs, then chain IDs of layers from the top, that were known before and are not any more; a layer's folder is named by its chain ID. */
function lost(before: readonly Known[], after: readonly Known[]): Omit<Removed, 'untagged'> {
  const ids = new Set(after.map(({ image }) => image.id));
  const chains = new Set(after.flatMap(({ layers }) => layers.map(({ chainId }) => layerFolder(chainId))));
  const blobs = new Set(after.flatMap(({ layers }) => layers.map(({ digest }) => digest)));
  const gone = before.filter(({ image }) => !ids.has(image.id));
  const layers = before.flatMap((known) => known.layers.toReversed());
  const freed = new Map(layers.filter(({ digest }) => !blobs.has(digest)).map(({ digest, size }) => [digest, size]));
  return {
    deleted: [...new Set([...gone.map(({ image }) => image.id), ...layers.map(({ chainId }) => chainId).filter((chainId) => !chains.has(layerFolder(chainId)))])],
    reclaimed: [...freed.values()].reduce((sum, size) => sum + size, 0),
  };
}
