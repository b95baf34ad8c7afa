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
import { document, type Catalog } from './catalog.ts';
import type { CommitRequest, ImportRequest } from './commit.ts';
import { ConfigFile } from './config.ts';
import { tellingFullDisk } from './full-disk.ts';
import { ImageClearing } from './image-clearing.ts';
import { ImageIndex } from './image-index.ts';
import { loadImages } from './image-loading.ts';
import { ImageMaker } from './image-maker.ts';
import type { ImageDetails, Images, ImageUser, ImageUsers, Pulled, PullOptions, Removed, StoredImage } from './images.ts';
import { InFlight } from './in-flight.ts';
import { named } from './index-names.ts';
import { LayerStore } from './layer-store.ts';
import { Layout } from './layout.ts';
import { Manifest } from './oci.ts';
import { asPulled, pulledName } from './pulled-names.ts';
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
  return new ImageStore(layout, layers, new ImageIndex(layout, index, asides), context);
}

/** Layers that come at the same time, for whatever images. */
const DOWNLOADS = 4;

class ImageStore implements Images {
  readonly #layout: Layout;
  readonly #layers: LayerStore;
  readonly #index: ImageIndex;
  readonly #catalog: Catalog;
  readonly #maker: ImageMaker;
  readonly #clearing: ImageClearing;
  readonly #inFlight = new InFlight();
  readonly #registries: RegistryClient;
  readonly #pulls = new SharedWork<Pulled, PartProgress>();
  readonly #pullStore: PullStore;
  readonly #now: () => number;
  readonly #report: (line: string) => void;

  constructor(layout: Layout, layers: LayerStore, index: ImageIndex, { registries = new RegistryClient({}), now = () => Date.now(), users, report = () => undefined }: ImageContext) {
    this.#layout = layout;
    this.#layers = layers;
    this.#index = index;
    this.#catalog = index.catalog;
    this.#maker = new ImageMaker({ layout, layers, index, now });
    this.#clearing = new ImageClearing({ layout, layers, index, users, report });
    this.#registries = registries;
    const downloads = new PQueue({ concurrency: DOWNLOADS });
    this.#pullStore = { layout, layers, downloads: new SharedWork(), slot: (work) => downloads.add(work) };
    this.#now = now;
    this.#report = report;
  }

  find(reference: string): ImageStatus | null {
    return this.#catalog.find(reference)?.image ?? null;
  }

  list(): readonly StoredImage[] {
    return this.#catalog.list();
  }

  details(reference: string): ImageDetails {
    const { image, layers } = this.#index.known(reference);
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
    return isReference(reference) ? pulledName(this.#index.now, pullName(reference))?.at ?? 0 : 0; // an ID
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
    return await this.#inFlight.during(() => this.#maker.commit(request));
  }

  async import(request: ImportRequest): Promise<string> {
    return await this.#inFlight.during(() => this.#maker.import(request));
  }

  async load(archive: NodeJS.ReadableStream): Promise<readonly string[]> {
    try {
      return await this.#inFlight.during(() => loadImages(archive, { layout: this.#layout, layers: this.#layers, index: this.#index }));
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
    const { image } = this.#index.known(reference);
    return [{ image, names: this.#catalog.byName(reference) === null ? [] : [normalizeReference(reference)] }];
  }

  async tag(image: string, reference: string): Promise<void> {
    const name = normalizeReference(reference);
    if (parseReference(name).path === 'library/sha256') throw new BayplanError('bad-reference', 'refusing to create an ambiguous tag using digest algorithm as name'); // `sha256:TAG` reads as an ID
    if (name.includes('@')) throw new BayplanError('bad-reference', `image "${reference}": a tag cannot have a digest: give NAME:TAG`);
    await this.#index.exclusively(async () => {
      const { digest } = this.#index.known(image).image;
      const plain = this.#index.now.manifests.find((descriptor) => descriptor.digest === digest);
      if (plain !== undefined) await this.#index.add(named(plain, [name]));
    });
  }

  async remove(reference: string, force: boolean): Promise<Removed> {
    return await this.#take((users) => removalOf(this.#catalog, reference, force, users));
  }

  async prune(fits: (image: StoredImage) => boolean): Promise<Removed> {
    return await this.#take((users) => pruning(this.#catalog, fits, users));
  }

  async sweep(): Promise<void> {
    await this.#inFlight.whenIdle(() => this.#clearing.sweep());
  }

  async #take(decide: (users: readonly ImageUser[]) => Removal): Promise<Removed> {
    const removed = await this.#clearing.take(decide);
    if (removed.deleted.length > 0) await this.sweep();
    return removed;
  }

  async #pull(name: string, { credentials, signal, onProgress }: PullOptions): Promise<Pulled> {
    const known = this.#catalog.byName(name);
    const whole = known !== null && known.layers.every((layer) => this.#layout.holds(layer) && this.#layers.has(layer.chainId));
    const current = !whole ? null : name.includes('@') ? parseReference(name).digest : pulledName(this.#index.now, name)?.digest ?? null;
    return await tellingFullDisk(`image ${familiarReference(name)} was not pulled; free some space and pull it again`, async () => {
      const pulled = await this.#registries.pull({ reference: name, credentials, current, signal, onProgress }, this.#pullStore);
      await this.#layout.syncBlobs();
      const digest = pulled?.digest ?? current ?? '';
      return await this.#index.exclusively(async () => {
        const manifest = pulled?.manifest ?? this.#index.now.manifests.find((descriptor) => descriptor.digest === known?.image.digest);
        if (manifest === undefined) throw new BayplanError('image-not-found', `image ${familiarReference(name)} was removed while it was pulled: pull it again`, { retryable: true });
        await this.#index.add(named(manifest, [name]).map((descriptor) => asPulled(descriptor, { digest, at: this.#now() })));
        return { reference: name, digest, changed: pulled !== null && pulled.manifest.digest !== known?.image.digest };
      });
    });
  }
}

/** The name that a pull gives: with a digest the tag says nothing. Throws BayplanError `bad-reference`. */
function pullName(reference: string): string {
  const name = normalizeReference(reference);
  const { digest } = parseReference(name);
  return digest === '' ? name : `${repositoryOf(name)}@${digest}`;
}
