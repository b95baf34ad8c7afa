import { BayplanError } from '../../state/bayplan-error.ts';
import { familiarReference, normalizeReference, repositoryOf } from '../../state/image-reference.ts';
import type { Catalog, Known } from './catalog.ts';
import type { ImageUser } from './images.ts';

/** What is to be taken from an index. */
export interface Removal {
  /** Whole names. */
  readonly names: readonly string[];
  /** Digests of manifests. */
  readonly manifests: readonly string[];
}

/**
 * What `docker image rm NAME` takes away, by Docker's rules: one of several names goes alone; with its last name goes the image. An image that a container
 * was made from stays, nameless where it is forced, since the container could not be started without it. Throws BayplanError `not-found` or `conflict`.
 */
export function removalOf(catalog: Catalog, text: string, force: boolean, users: readonly ImageUser[]): Removal {
  const found = catalog.find(text);
  if (found === null) throw new BayplanError('not-found', `No such image: ${text}`);
  const { id } = found.image;
  const same = catalog.list().filter(({ image }) => image.id === id);
  const all = same.flatMap(({ references }) => references);
  const byName = catalog.byName(text) !== null;
  const names = byName ? namesMeant(text, all) : all;
  if (byName && names.length < all.length) return { names, manifests: [] };
  const using = users.filter(({ imageId }) => imageId === id);
  const running = using.find((user) => user.running);
  if (!force && using[0] !== undefined) throw inUse(text, running ?? using[0], names.length > 0 && (byName || running === undefined));
  if (running !== undefined && !byName) throw inUse(text, running, false);
  if (using[0] !== undefined && names.length === 0) throw inUse(text, using[0], false);
  if (!force && !byName && all.length > 1) throw new BayplanError('conflict', `image ${text} has ${all.length} names (${all.map(familiarReference).join(', ')}): remove them by name, or force it`);
  return { names, manifests: using.length > 0 ? [] : same.map(({ image }) => image.digest) };
}

/** What goes when images nobody uses are cleared away: those without a name, or all that `fits` says. */
export function pruning(catalog: Catalog, fits: (image: Known) => boolean, users: readonly ImageUser[]): Removal {
  const used = new Set(users.map(({ imageId }) => imageId));
  const going = catalog.list().filter((known) => !used.has(known.image.id) && fits(known));
  return { names: going.flatMap(({ references }) => references), manifests: going.map(({ image }) => image.digest) };
}

/** A name with a digest means every name of that repository. */
function namesMeant(text: string, all: readonly string[]): readonly string[] {
  const name = normalizeReference(text);
  return name.includes('@') ? all.filter((each) => repositoryOf(each) === repositoryOf(name)) : [name];
}

function inUse(text: string, { container, running, keptFor }: ImageUser, forceable: boolean): BayplanError {
  if (keptFor !== undefined) return new BayplanError('conflict', `image ${text} cannot be removed: it is kept for a way back to ${keptFor}: take the stack down first${forceable ? ', or force it to take the name away' : ''}`);
  const how = forceable ? 'remove the container first, or force it to take the name away' : 'remove the container first';
  return new BayplanError('conflict', `image ${text} cannot be removed: ${running ? 'running' : 'stopped'} container ${container} was made from it: ${how}`);
}
