import { arch } from 'node:os';
import type { ImageDetails, StoredImage } from '../runtime/image/images.ts';
import { familiarReference, repositoryOf } from '../state/image-reference.ts';
import type { ImageStatus } from '../state/image.ts';
import { rfc3339 } from './docker-time.ts';
import type { EngineView } from './engine-view.ts';
import { GO_ARCH } from './go-arch.ts';

/** One element of `GET /images/json`. */
export interface ImageSummary {
  readonly Id: string;
  readonly ParentId: string;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize: number;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Containers: number;
}

/** Newest first, with the number of containers made from each. */
export function imageSummaries(engine: EngineView, images: readonly StoredImage[]): readonly ImageSummary[] {
  const users = new Map<string, number>();
  for (const { spec } of engine.containers.list().values()) users.set(spec.imageId, (users.get(spec.imageId) ?? 0) + 1);
  return images.toSorted((a, b) => b.image.createdAt - a.image.createdAt).map(({ references, image }) => ({
    Id: image.id, ParentId: '', RepoTags: tagsOf(references), RepoDigests: digestsOf(references, image), Created: Math.floor(image.createdAt / 1000),
    Size: image.size, SharedSize: -1, Labels: image.config.labels, Containers: users.get(image.id) ?? 0,
  }));
}

/** `GET /images/{name}/json`. What the image says of itself stands there as it says it; docker compose shows `LastTagTime` as an image's age here. */
export function inspectJson(image: ImageStatus, { references, config, layers, storedAt }: ImageDetails): object {
  return {
    Id: image.id, RepoTags: tagsOf(references), RepoDigests: digestsOf(references, image), Parent: '', Comment: config.comment ?? '', Created: config.created ?? rfc3339(image.createdAt),
    DockerVersion: '', Author: config.author ?? '', Config: { User: '', ...config.config }, Architecture: config.architecture ?? GO_ARCH[arch()] ?? arch(), ...(config.variant ? { Variant: config.variant } : {}),
    Os: config.os ?? 'linux', Size: image.size, GraphDriver: { Name: 'overlay', Data: null }, RootFS: { Type: 'layers', Layers: layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: rfc3339(storedAt) },
  };
}

/** `GET /images/{name}/history`, newest first. An image whose history is missing has its layers for one. */
export function historyJson(image: ImageStatus, { references, config, layers }: ImageDetails): readonly object[] {
  const sizes = layers.map(({ size }) => size);
  const told = config.history ?? [];
  const steps = told.filter(({ empty_layer: empty }) => empty !== true).length === layers.length ? told : layers.map(() => ({ created: config.created, created_by: '', comment: '', empty_layer: false }));
  return steps.map((step) => ({
    Id: '<missing>', Created: Math.floor((Date.parse(step.created ?? '') || 0) / 1000), CreatedBy: step.created_by ?? '', Tags: null,
    Size: step.empty_layer === true ? 0 : sizes.shift() ?? 0, Comment: step.comment ?? '',
  })).toReversed().map((step, position) => (position === 0 ? { ...step, Id: image.id, Tags: tagsOf(references) } : step));
}

/** Bytes of each image's layers that another image has too, by the image's ID; and of all layers, each counted once. */
export function layerSizes(images: readonly StoredImage[], detailsOf: (id: string) => ImageDetails): { readonly shared: ReadonlyMap<string, number>; readonly total: number } {
  const sizes = new Map<string, number>();
  const owners = new Map<string, Set<string>>();
  for (const { image } of images) {
    for (const { digest, size } of detailsOf(image.id).layers) {
      sizes.set(digest, size);
      owners.set(digest, (owners.get(digest) ?? new Set()).add(image.id));
    }
  }
  const shared = new Map(images.map(({ image }) => [image.id, [...owners].reduce((sum, [digest, ids]) => (ids.size > 1 && ids.has(image.id) ? sum + (sizes.get(digest) ?? 0) : sum), 0)]));
  return { shared, total: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

function tagsOf(references: readonly string[]): readonly string[] {
  return references.filter((reference) => !reference.includes('@')).map(familiarReference);
}

function digestsOf(references: readonly string[], image: ImageStatus): readonly string[] {
  return [...new Set(references.map((reference) => `${familiarReference(repositoryOf(reference))}@${image.digest}`))];
}
