import type { ImageStatus } from '../../state/image.ts';
import type { PartProgress } from '../../state/messages.ts';
import type { CredentialsByHost, RegistryCredentials } from '../../state/registry-credentials.ts';
import type { CommitRequest, ImportRequest } from './commit.ts';
import type { ConfigFile } from './config.ts';
import type { StackArtifact } from '../../state/stack-artifact.ts';
import type { Described } from './registry/describe.ts';

/** What the engine needs of the image store (an OCI image layout at `paths.images`, layers unpacked at `paths.layers`). */
export interface Images {
  /** The image a reference or an ID (whole, or an unambiguous prefix) stands for; null where the store has none. Cached, cheap. */
  find(reference: string): ImageStatus | null;
  /** All, by normalised reference (`docker.io/library/nginx:1.27`), in order. */
  list(): readonly StoredImage[];
  /** What an image's documents say beyond its status. Throws BayplanError `not-found`. */
  details(reference: string): ImageDetails;
  /**
   * Unpacked layer folders of an image, lowest first, as names relative to `paths.layers`; unpacks what is missing (once, by
   * chain ID, concurrent calls joined).
   */
  layers(id: string): Promise<readonly string[]>;
  /** When a name's registry was last asked for it, ms since the epoch; 0: never. */
  pulledAt(reference: string): number;
  /**
   * Pulls an image from its registry, or from a mirror, and gives it its name; calls for one image at the same time share the work. Only names whose image
   * is whole in the store are asked for their digest alone. Rejects with BayplanError `image-not-found`, `registry-…`, `bad-image`, `layer-…`, `disk-full`.
   */
  pull(reference: string, options: PullOptions): Promise<Pulled>;
  /** The tags that an image's repository has at its registry. Rejects as `pull` does. */
  tags(reference: string, options: Pick<PullOptions, 'credentials' | 'signal'>): Promise<readonly string[]>;
  /** The files of a stack that was published to a registry; the store keeps nothing of it. Rejects as `pull` does. */
  stackArtifact(reference: string, options: Pick<PullOptions, 'credentials' | 'signal'>): Promise<StackArtifact>;
  /** What a name stands for at its registry; nothing is brought. Rejects as `pull` does. */
  describe(reference: string, options: Pick<PullOptions, 'credentials' | 'signal'>): Promise<Described>;
  /** Pushes an image by one of its names to that name's registry. Answers the manifest's digest and size. Rejects with BayplanError `not-found`, `registry-…`. */
  push(reference: string, options: PullOptions): Promise<{ readonly digest: string; readonly size: number }>;
  /** Asks a registry, by its host in names, whether it takes these credentials. Rejects with BayplanError `registry-denied` where it does not. */
  verify(host: string, credentials: RegistryCredentials, signal: AbortSignal): Promise<void>;
  /** Makes an image from a container; answers its ID. Throws BayplanError `not-found`, `bad-request`, `disk-full`. */
  commit(request: CommitRequest): Promise<string>;
  /** The same of an archive of files (tar, plain or gzip), which is its only layer. Throws BayplanError `bad-request`, `layer-…`, `disk-full`. */
  import(request: ImportRequest): Promise<string>;
  /** Loads a tar stream: an OCI layout or a `docker save` archive. Answers the references (or IDs) now known. Nothing half-made is kept. */
  load(archive: NodeJS.ReadableStream): Promise<readonly string[]>;
  /** The images as a tar stream: an archive of `docker save` that is an OCI layout too. Throws BayplanError `not-found`. */
  save(references: readonly string[]): Promise<NodeJS.ReadableStream>;
  /** Gives an image another name, taking it from the one that had it. Throws BayplanError `not-found`, `bad-reference`. */
  tag(image: string, reference: string): Promise<void>;
  /** Removes a name, and with the last one the image and all that nothing else needs. Throws BayplanError `not-found`, `conflict`. */
  remove(reference: string, force: boolean): Promise<Removed>;
  /** Removes the images that `fits` picks from those no container was made from. */
  prune(fits: (image: StoredImage) => boolean): Promise<Removed>;
  /** Removes what no image needs: what interrupted loads and removals left. */
  sweep(): Promise<void>;
}

export interface StoredImage { readonly references: readonly string[]; readonly image: ImageStatus }

/** A layer of an image; `size` in bytes, as it is stored. */
export interface StoredLayer { readonly diffId: string; readonly chainId: string; readonly digest: string; readonly size: number }

export interface ImageDetails {
  /** Whole names of the image, whatever manifest they stand for. */
  readonly references: readonly string[];
  readonly config: ConfigFile;
  /** Lowest first. */
  readonly layers: readonly StoredLayer[];
  /** When its manifest came into the store, ms since the epoch. */
  readonly storedAt: number;
}

/** A container that was made, or is being made, from an image. `imageId` '': that cannot be told. */
/** `keptFor`: what it is kept for, where it is no container's. */
export interface ImageUser { readonly imageId: string; readonly container: string; readonly running: boolean; readonly keptFor?: string }

/** Who uses images, asked at the moment of a removal. Null: that is not known yet, so nothing may be removed. */
export type ImageUsers = () => readonly ImageUser[] | null;

export interface Removed {
  /** Whole names. */
  readonly untagged: readonly string[];
  /** Image IDs and the chain IDs of layers that are needed no more. */
  readonly deleted: readonly string[];
  /** Bytes of their layers, as they were stored. */
  readonly reclaimed: number;
}

export interface PullOptions {
  readonly credentials: CredentialsByHost;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PartProgress) => void;
}

export interface Pulled {
  /** Whole name. */
  readonly reference: string;
  /** What the name stands for at its registry: the digest of an index or manifest. */
  readonly digest: string;
  /** False: the store had it already. */
  readonly changed: boolean;
}
