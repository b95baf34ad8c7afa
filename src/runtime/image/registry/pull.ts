import type { Reference } from '../../../state/image-reference.ts';
import type { PartProgress } from '../../../state/messages.ts';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { chainIds } from '../chain-id.ts';
import type { Layer, LayerStore } from '../layer-store.ts';
import type { Layout } from '../layout.ts';
import type { Descriptor, Manifest } from '../oci.ts';
import { architecture, forThisMachine } from '../platform.ts';
import { bad, checkConfigType, checkLayer, readConfig, readTop } from './documents.ts';
import { downloadLayer } from './layer-download.ts';
import { ociForm } from './oci-form.ts';
import type { FetchedManifest, Repository } from './repository.ts';
import type { SharedWork } from './shared-work.ts';

/** An index may lead to indexes, not without end. */
const DEPTH = 3;

export interface PullStore {
  readonly layout: Layout;
  readonly layers: LayerStore;
  /** Layers under way, by registry, user and digest: one that several images have comes once, and nobody's pull hangs on a registry or a permission that is not his. */
  readonly downloads: SharedWork<void, PartProgress>;
  /** Waits for a free connection. */
  readonly slot: <T>(work: () => Promise<T>) => Promise<T>;
}

/** An image whose blobs are all in the layout and whose layers are unpacked; it has no name yet. */
export interface PulledImage {
  readonly manifest: Descriptor;
  /** What the name stands for at the registry: the index's digest where there is one, else the manifest's. */
  readonly digest: string;
}

/**
 * Brings an image from one repository into the store: documents first, checked against each other, then all layers at once. Throws BayplanError `bad-image`,
 * `layer-refused`, `layer-damaged`, `disk-full`, and what Repository throws.
 */
export async function pullImage(repository: Repository, reference: Reference, what: string, store: PullStore, signal: AbortSignal, onProgress: (progress: PartProgress) => void): Promise<PulledImage> {
  const top = await repository.manifest(reference.digest === '' ? reference.tag : reference.digest, what);
  const { fetched, manifest } = await forThisPlatform(repository, top, what, 0);
  checkConfigType(manifest.config, what);
  manifest.layers.forEach((layer) => checkLayer(layer, what));
  const configBytes = store.layout.holds(manifest.config) ? store.layout.readBlob(manifest.config.digest) : await repository.document(manifest.config, what);
  const { diff_ids: diffIds } = readConfig(configBytes, manifest, what).rootfs;
  const chain = chainIds(diffIds);
  const layers = manifest.layers.map((descriptor, position) => ({ descriptor, layer: { digest: descriptor.digest, diffId: diffIds[position] ?? '', chainId: chain[position] ?? '' } }));

  const stop = new AbortController();
  const together = AbortSignal.any([signal, stop.signal]);
  const bringing = layers.map(async ({ descriptor, layer }) => {
    try {
      await bringLayer({ repository, store, descriptor, layer, what, signal: together, onProgress });
    } catch (error) {
      stop.abort(error); // the others are of no use without it
      throw error;
    }
  });
  await Promise.allSettled(bringing);
  if (stop.signal.aborted) throw stop.signal.reason;
  await store.layers.ensureAll(layers.map(({ layer }) => ({ ...layer, blob: store.layout.blobPath(layer.digest) })));
  await store.layout.addBlob(configBytes);
  const { bytes, descriptor } = ociForm(fetched, manifest);
  await store.layout.addBlob(bytes);
  return { manifest: descriptor, digest: top.digest };
}

async function forThisPlatform(repository: Repository, fetched: FetchedManifest, what: string, depth: number): Promise<{ fetched: FetchedManifest; manifest: Manifest }> {
  const top = readTop(fetched.bytes, fetched.contentType, what);
  if (top.kind === 'manifest') return { fetched, manifest: top.manifest };
  if (depth === DEPTH) throw bad(what, 'its indexes are nested too deeply');
  const [first] = forThisMachine(top.index.manifests);
  if (first === undefined) throw bad(what, `it is not for linux/${architecture()} but for ${platformsOf(top.index.manifests)}`);
  const inner = await repository.manifest(first.digest, what);
  if (inner.bytes.length !== first.size) throw bad(what, `its index says ${first.size} bytes of manifest ${first.digest}, which has ${inner.bytes.length}`);
  return forThisPlatform(repository, inner, what, depth + 1);
}

function platformsOf(descriptors: readonly Descriptor[]): string {
  const names = descriptors.flatMap(({ platform }) => (platform === undefined || platform.os === 'unknown' ? [] : [`${platform.os}/${platform.architecture}${platform.variant === undefined ? '' : `/${platform.variant}`}`]));
  return names.length === 0 ? 'no machine at all' : [...new Set(names)].slice(0, 10).join(', ');
}

interface Bringing {
  readonly repository: Repository; readonly store: PullStore; readonly descriptor: Descriptor; readonly layer: Omit<Layer, 'blob'>;
  readonly what: string; readonly signal: AbortSignal; readonly onProgress: (progress: PartProgress) => void;
}

/** A layer is there when its blob is and it is unpacked, if it can be by now. What is there but damaged is brought anew. */
async function bringLayer({ repository, store, descriptor, layer, what, signal, onProgress }: Bringing): Promise<void> {
  const { layout, layers, downloads, slot } = store;
  const tell = (state: 'waiting' | 'present' | 'done'): void => onProgress({ part: descriptor.digest, state, current: state === 'waiting' ? 0 : descriptor.size, total: descriptor.size });
  if (layout.holds(descriptor) && await unpackStored()) return tell('present');
  tell('waiting');
  await downloads.run(`${repository.access} ${descriptor.digest}`, (workSignal, told) => slot(async () => {
    workSignal.throwIfAborted();
    await downloadLayer({ layout, layers, repository: repository.within(workSignal), descriptor, layer, what, signal: workSignal, onProgress: told });
  }), signal, onProgress);
  if (layers.anyOrder) await layers.ensure({ ...layer, blob: layout.blobPath(descriptor.digest) }, null); // it may have come for another image, where it lies on other layers
  tell('done');

  async function unpackStored(): Promise<boolean> {
    if (!layers.anyOrder) return true; // once all are there
    try {
      await layers.ensure({ ...layer, blob: layout.blobPath(descriptor.digest) }, null);
      return true;
    } catch (error) {
      if (error instanceof BayplanError && (error.code === 'layer-damaged' || error.code === 'layer-refused')) return false;
      throw error;
    }
  }
}
