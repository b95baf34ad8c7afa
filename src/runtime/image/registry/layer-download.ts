import { open, rm, type FileHandle } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import type { PartProgress, PartState } from '../../../state/messages.ts';
import type { Layer, LayerStore } from '../layer-store.ts';
import type { Layout } from '../layout.ts';
import type { Descriptor } from '../oci.ts';
import { fetchBlob } from './fetch-blob.ts';
import type { Repository } from './repository.ts';

export interface LayerDownload {
  readonly layout: Layout;
  readonly layers: LayerStore;
  readonly repository: Repository;
  readonly descriptor: Descriptor;
  readonly layer: Omit<Layer, 'blob'>;
  /** The image, for messages. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PartProgress) => void;
}

/** Events about the bytes of one layer come no closer together. */
const EVERY_MS = 100;

/**
 * Brings a layer's blob into the layout, and unpacks it while it comes. Neither is there before the blob's digest and the layer's diff ID
 * have been found right.
 */
export async function downloadLayer(download: LayerDownload): Promise<void> {
  const { layout, layers, layer, descriptor } = download;
  const path = layout.incoming();
  const file = await open(path, 'wx', 0o644);
  try {
    await layers.receive(layer, (sink) => transfer(download, file, sink));
    await layout.adoptBlob(path, descriptor.digest);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function transfer({ repository, descriptor, what, signal, onProgress }: LayerDownload, file: FileHandle, sink: Writable | null): Promise<void> {
  const tell = (state: PartState, current: number): void => onProgress({ part: descriptor.digest, state, current, total: descriptor.size });
  let told = 0;
  let received = 0;
  tell('downloading', 0);
  await fetchBlob(repository, descriptor, what, {
    signal,
    write: async (chunk) => {
      await Promise.all([file.writeFile(chunk), sink === null ? undefined : writeTo(sink, chunk)]);
    },
    onBytes: (bytes) => {
      received = bytes;
      const now = performance.now();
      if (now - told < EVERY_MS) return;
      told = now;
      tell('downloading', bytes);
    },
    onRetry: (why) => onProgress({ part: descriptor.digest, state: 'retrying', current: received, total: descriptor.size, why }),
  });
  tell('unpacking', descriptor.size);
  sink?.end();
  await file.sync(); // while the last of it is unpacked
}

async function writeTo(sink: Writable, chunk: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    sink.write(chunk, (error) => (error == null ? resolve() : reject(error)));
  });
}
