import { BayplanError } from '../../state/bayplan-error.ts';
import type { Known } from './catalog.ts';
import { layerFolder } from './chain-id.ts';
import type { ImageIndex } from './image-index.ts';
import type { ImageUser, ImageUsers, Removed } from './images.ts';
import { withoutNames } from './index-names.ts';
import type { LayerStore } from './layer-store.ts';
import type { Layout } from './layout.ts';
import { reachable } from './reachable.ts';
import type { Removal } from './removal.ts';

export interface ClearingContext {
  readonly layout: Layout;
  readonly layers: LayerStore;
  readonly index: ImageIndex;
  readonly users: ImageUsers;
  /** Receives what went wrong where nobody waits for an answer. */
  readonly report: (line: string) => void;
}

/**
 * Takes images away: from the index first, so that it never names what is not there; files after it, by `sweep`, which the next engine's finishes. What goes is decided and gone from the catalog in one
 * turn of the event loop: no container can be made of it in between.
 */
export class ImageClearing {
  readonly #context: ClearingContext;

  constructor(context: ClearingContext) {
    this.#context = context;
  }

  /** Takes from the index what `decide` says. Throws BayplanError `conflict` where that cannot be known. */
  async take(decide: (users: readonly ImageUser[]) => Removal): Promise<Removed> {
    const { index } = this.#context;
    return await index.exclusively(async () => {
      const { names, manifests } = decide(this.#knownUsers());
      const before = index.catalog.list();
      const nameless = withoutNames(index.now, new Set(names));
      await index.change({ ...nameless, manifests: nameless.manifests.filter(({ digest }) => !manifests.includes(digest)) });
      return { untagged: names, ...lost(before, index.catalog.list()) };
    });
  }

  /** Removes blobs and layers that the index does not lead to; none at all while it cannot be known what is needed. */
  async sweep(): Promise<void> {
    const { layout, layers, index, users, report } = this.#context;
    try {
      const all = users();
      if (!index.whole || all === null || all.some(({ imageId }) => index.catalog.find(imageId) === null)) return; // its layers may be in use
      const needed = reachable(layout, index.now);
      if (needed === null) return;
      await layers.removeOthers(needed.layers);
      await layout.removeOthers(needed.blobs);
    } catch (error) {
      report(`unused layers of images could not be removed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #knownUsers(): readonly ImageUser[] {
    const users = this.#context.users();
    if (users === null) throw new BayplanError('not-ready', 'the engine is still starting: try again', { retryable: true });
    const unknown = users.find(({ imageId }) => imageId === '');
    if (unknown !== undefined) throw new BayplanError('conflict', `no image can be removed while it is not known which one container ${unknown.container} was made from: its record cannot be read ("docker info" says why)`);
    return users;
  }
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
