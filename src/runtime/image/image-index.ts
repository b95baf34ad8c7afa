import { BayplanError } from '../../state/bayplan-error.ts';
import type { SetAsides } from '../set-aside.ts';
import { Catalog, type Known } from './catalog.ts';
import { withDescriptors } from './index-names.ts';
import type { Layout } from './layout.ts';
import type { Descriptor, Index } from './oci.ts';

/** The index of the store's layout, and the images that it leads to; one change of it after the other. */
export class ImageIndex {
  readonly catalog: Catalog;
  readonly #layout: Layout;
  readonly #asides: SetAsides;
  #now: Index;
  #writing: Promise<void> = Promise.resolve();

  constructor(layout: Layout, index: Index, asides: SetAsides) {
    this.#layout = layout;
    this.#asides = asides;
    this.#now = index;
    this.catalog = new Catalog(layout, index);
  }

  get now(): Index {
    return this.#now;
  }

  /** False: it could not be read, and names what was found in its place. */
  get whole(): boolean {
    return !this.#asides.has('images');
  }

  /** An image by name, digest or ID. Throws BayplanError `not-found`, in Docker's words. */
  known(reference: string): Known {
    const known = this.catalog.find(reference);
    if (known === null) throw new BayplanError('not-found', `No such image: ${reference}`);
    return known;
  }

  /** Does what changes it by `change` while nobody else does. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(work);
    this.#writing = done.then(() => undefined, () => undefined); // a failure is its own caller's
    return await done;
  }

  /** The new index is what counts at once; it is taken back where it cannot be written. To be called within `exclusively`. */
  async change(index: Index): Promise<void> {
    this.#asides.refuse('images', '');
    const before = this.#now;
    this.catalog.read(this.#now = index);
    try {
      await this.#layout.writeIndex(index);
    } catch (error) {
      this.catalog.read(this.#now = before);
      throw error;
    }
  }

  /** Names manifests in it, whose blobs have to be durable. To be called within `exclusively`. */
  async add(descriptors: readonly Descriptor[]): Promise<void> {
    await this.change(withDescriptors(this.#now, descriptors));
  }
}
