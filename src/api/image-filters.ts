import type { Images, StoredImage } from '../runtime/image/images.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { familiarReference, repositoryOf } from '../state/image-reference.ts';
import { timeOf } from './docker-time.ts';
import { anyMatches, isTrue, labelsPass, type Filters } from './filters.ts';

export const LIST_FILTERS = ['reference', 'label', 'dangling', 'before', 'since', 'until'];
export const PRUNE_FILTERS = ['dangling', 'label', 'label!', 'until'];

/** What passes Docker's filters of images. `now` in ms. Throws `not-found` for an image that `before` or `since` names. */
export function imageFilter(filters: Filters, images: Pick<Images, 'find'>, now: number): (image: StoredImage) => boolean {
  const before = times(filters.get('before'), (name) => madeAt(images, name));
  const since = times(filters.get('since'), (name) => madeAt(images, name));
  const until = times(filters.get('until'), (text) => timeOf(text, now));
  return ({ references, image }) => labelsPass(image.config.labels, filters)
    && (!filters.has('reference') || matchingReferences(references, filters).length > 0)
    && anyMatches(filters.get('dangling'), (dangling) => (references.length === 0) === isTrue(dangling))
    && [...before, ...until].every((time) => image.createdAt < time)
    && since.every((time) => image.createdAt > time);
}

/** The names that the `reference` filter picks; all of them where there is none. */
export function matchingReferences(references: readonly string[], filters: Filters): readonly string[] {
  return references.filter((reference) => anyMatches(filters.get('reference'), (wanted) => referenceFits(familiarReference(reference), wanted)));
}

function times(values: readonly string[] | undefined, timeAt: (value: string) => number): readonly number[] {
  return (values ?? []).map(timeAt);
}

function madeAt(images: Pick<Images, 'find'>, name: string): number {
  const image = images.find(name);
  if (image === null) throw new BayplanError('not-found', `No such image: ${name}`);
  return image.createdAt;
}

/** A pattern over the name with its tag or without, as a shell's: `*` and `?` stop at slashes. */
function referenceFits(tag: string, wanted: string): boolean {
  const pattern = new RegExp(`^${wanted.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
  return pattern.test(tag) || pattern.test(repositoryOf(tag));
}
