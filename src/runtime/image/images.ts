import type { ImageStatus } from '../../state/image.ts';

/** What the engine needs of the image store (an OCI image layout at `paths.images`, layers unpacked at `paths.layers`). */
export interface Images {
  /** The image a reference or an ID (whole, or an unambiguous prefix) stands for; null where the store has none. Cached, cheap. */
  find(reference: string): ImageStatus | null;
  /** All, by normalised reference (`docker.io/library/nginx:1.27`), in order. */
  list(): readonly { readonly references: readonly string[]; readonly image: ImageStatus }[];
  /**
   * Unpacked layer folders of an image, lowest first, as names relative to `paths.layers`; unpacks what is missing (once, by
   * chain ID, concurrent calls joined).
   */
  layers(id: string): Promise<readonly string[]>;
  /** Loads a tar stream: an OCI layout or a `docker save` archive. Answers the references (or IDs) now known. Nothing half-made is kept. */
  load(archive: NodeJS.ReadableStream): Promise<readonly string[]>;
}
