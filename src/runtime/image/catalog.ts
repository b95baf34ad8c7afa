import type * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { normalizeReference, parseReference, repositoryOf } from '../../state/image-reference.ts';
import type { ImageStatus } from '../../state/image.ts';
import { chainIds } from './chain-id.ts';
import { ConfigFile, createdAt, imageConfig } from './config.ts';
import type { StoredLayer } from './images.ts';
import { nameOf } from './index-names.ts';
import type { Layout } from './layout.ts';
import { Manifest, type Descriptor, type Index } from './oci.ts';
import { pulledDigest } from './pulled-names.ts';

/** An image that a layout's index names and whose documents are whole. */
export interface Known {
  readonly image: ImageStatus;
  /** Lowest first. */
  readonly layers: readonly StoredLayer[];
  /** Whole names; none: known by its ID alone. */
  readonly references: readonly string[];
  /** `repository@digest` of the indexes that it was pulled by. */
  readonly pulledAs: readonly string[];
}

/** The images of a layout, found by name, digest and ID. One whose documents are damaged is not known, and so can be loaded again. */
export class Catalog {
  readonly #layout: Layout;
  /** By manifest digest. */
  #known = new Map<string, Known>();
  readonly #found = new Map<string, Known>();

  constructor(layout: Layout, index: Index) {
    this.#layout = layout;
    this.read(index);
  }

  /** Takes an index in place of the one before; documents that were read for that one are not read again. */
  read(index: Index): void {
    const before = this.#known;
    this.#known = new Map();
    this.#found.clear();
    for (const descriptor of index.manifests) {
      const known = this.#known.get(descriptor.digest) ?? this.#image(descriptor, before.get(descriptor.digest));
      if (known === null) continue;
      const name = nameOf(descriptor);
      const pulled = pulledDigest(descriptor);
      this.#known.set(descriptor.digest, name === null ? known : {
        ...known, references: [...known.references, name], pulledAs: pulled === null ? known.pulledAs : [...known.pulledAs, `${repositoryOf(name)}@${pulled}`],
      });
    }
  }

  /** By name, nameless ones last. */
  list(): readonly Known[] {
    const first = ({ references, image }: Known): string => references[0] ?? `~${image.id}`;
    return [...this.#known.values()].sort((a, b) => (first(a) < first(b) ? -1 : 1));
  }

  byDigest(digest: string): Known | null {
    return this.#known.get(digest) ?? null;
  }

  find(text: string): Known | null {
    const found = this.#found.get(text) ?? this.byName(text) ?? this.#byId(text);
    if (found !== null) this.#found.set(text, found);
    return found;
  }

  byName(text: string): Known | null {
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
    const byIndex = [...this.#known.values()].find(({ pulledAs }) => pulledAs.includes(`${repository}@${digest}`));
    if (byIndex !== undefined) return byIndex;
    const known = this.#known.get(digest);
    return known?.references.some((reference) => repositoryOf(reference) === repository) === true ? known : null;
  }

  #byId(text: string): Known | null {
    const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1];
    if (prefix === undefined) return null;
    const fitting = [...this.#known.values()].filter(({ image }) => image.id.startsWith(prefix, 'sha256:'.length));
    return new Set(fitting.map(({ image }) => image.id)).size === 1 ? fitting[0] ?? null : null;
  }

  #image(descriptor: Descriptor, before: Known | undefined): Known | null {
    if (before !== undefined) return { ...before, references: [], pulledAs: [] };
    try {
      return this.#readImage(descriptor);
    } catch (error) {
      if (error instanceof BayplanError) return null;
      throw error;
    }
  }

  #readImage(descriptor: Descriptor): Known {
    const manifest = document(this.#layout, descriptor.digest, Manifest);
    const file = document(this.#layout, manifest.config.digest, ConfigFile);
    const diffIds = file.rootfs.diff_ids;
    const chain = chainIds(diffIds);
    return {
      image: {
        id: manifest.config.digest, digest: descriptor.digest, createdAt: createdAt(file),
        size: manifest.layers.reduce((sum, layer) => sum + layer.size, 0), config: imageConfig(file),
      },
      layers: manifest.layers.map(({ digest, size }, position) => ({ digest, size, diffId: diffIds[position] ?? '', chainId: chain[position] ?? '' })),
      references: [], pulledAs: [],
    };
  }
}

/** A document of the layout. Throws BayplanError `image-damaged`. */
export function document<T>(layout: Layout, digest: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(parseJson(layout.readBlob(digest)));
  if (!parsed.success) throw new BayplanError('image-damaged', `blob ${digest} in the image store is not what it should be: load the image again`, { cause: parsed.error });
  return parsed.data;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null; // fits no schema either
  }
}
