import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { document } from './catalog.ts';
import { chainIds, layerFolder } from './chain-id.ts';
import type { Layout } from './layout.ts';
import { Digest, Index, isIndex, Manifest, type Descriptor } from './oci.ts';

/** What an index leads to. */
export interface Reachable {
  /** Digests of blobs. */
  readonly blobs: ReadonlySet<string>;
  /** Folders of unpacked layers. */
  readonly layers: ReadonlySet<string>;
}

/** What stands beside images in a layout (signatures, attestations) has configs of other kinds, and no layers to unpack. */
const AnyConfig = z.looseObject({ rootfs: z.looseObject({ diff_ids: z.array(Digest).nullish() }).optional().catch(undefined) });

/** Follows an index to all that it needs. Null where a document on the way is damaged: what it led to is not known then. */
export function reachable(layout: Layout, index: Index): Reachable | null {
  const blobs = new Set<string>();
  const layers = new Set<string>();
  const follow = (descriptor: Descriptor, optional: boolean): void => {
    if (blobs.has(descriptor.digest) || (optional && !layout.hasBlob(descriptor.digest))) return;
    blobs.add(descriptor.digest);
    if (isIndex(descriptor)) {
      // Of an image for several platforms only this machine's may be there.
      for (const inner of document(layout, descriptor.digest, Index).manifests) follow(inner, true);
      return;
    }
    const manifest = document(layout, descriptor.digest, Manifest);
    for (const { digest } of [manifest.config, ...manifest.layers]) blobs.add(digest);
    for (const chainId of chainIds(document(layout, manifest.config.digest, AnyConfig).rootfs?.diff_ids ?? [])) layers.add(layerFolder(chainId));
  };
  try {
    for (const descriptor of index.manifests) follow(descriptor, false);
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'image-damaged') return null;
    throw error;
  }
  return { blobs, layers };
}
