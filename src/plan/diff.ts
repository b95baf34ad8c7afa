import type { ContainerSpec, Grant } from '../state/container.ts';
import { type Change, changeText, compare, isSame } from './compare.ts';
import { type Effect, FIELDS, type Field } from './fields.ts';

/** A field that differs, and the cause in words: `command: ["a"] → ["b"]`, `environment.TOKEN changed`. */
export interface Difference { readonly field: string; readonly text: string; readonly effect: Effect }

/**
 * Fields in which a container's recorded spec differs from the one that is wanted. An `imageId` of '' is not known, and differs from nothing:
 * a container runs on when its image has left the store.
 */
export function differences(recorded: ContainerSpec, wanted: ContainerSpec): readonly Difference[] {
  const changed = NAMES.filter((name) => !isSame(recorded[name], wanted[name])); // forms of the same are the same
  if (changed.length === 0) return [];
  return [...changed.flatMap((name) => differencesOf(name, recorded, wanted)), ...contentDifferences(recorded.contents, wanted.contents)];
}

/** Configs and secrets that hold something else now, each told once: `secret shop_password changed`. */
function contentDifferences(recorded: readonly Grant[], wanted: readonly Grant[]): readonly Difference[] {
  const before = new Map(recorded.map(({ name, digest }) => [name, digest]));
  const after = new Map(wanted.map(({ name, digest }) => [name, digest]));
  return [...after].filter(([name, digest]) => (before.get(name) ?? digest) !== digest)
    .map(([name]) => ({ field: 'contents', text: `${name} changed`, effect: wanted.some((grant) => grant.name === name && grant.onChange === null) ? 'recreate' : 'in-place' }));
}

function differencesOf<F extends keyof ContainerSpec>(name: F, recorded: ContainerSpec, wanted: ContainerSpec): readonly Difference[] {
  const field: Field<ContainerSpec[F]> = FIELDS[name];
  if (name === 'imageId') {
    const { image, imageId } = recorded;
    if (image !== wanted.image || imageId === '' || wanted.imageId === '' || imageId === wanted.imageId) return [];
    return [{ field: 'image', text: `image: ${image} was ${shortId(imageId)} and is ${shortId(wanted.imageId)} now`, effect: 'recreate' }];
  }
  const form = field.form ?? ((value: unknown) => value);
  return compare(name, form(recorded[name]), form(wanted[name])).map((change) => ({
    field: change.field, effect: effectOf(field, change),
    text: isHidden(field, change) ? `${change.field} ${change.before === undefined ? 'added' : change.after === undefined ? 'removed' : 'changed'}` : changeText(change),
  }));
}

function effectOf<V>({ effect }: Field<V>, change: Change): Effect {
  return typeof effect === 'function' ? effect(change) : effect;
}

function isHidden<V>({ hidden }: Field<V>, change: Change): boolean {
  return typeof hidden === 'function' ? hidden(change) : hidden === true;
}

const NAMES = Object.keys(FIELDS) as readonly (keyof ContainerSpec)[]; // FIELDS is mapped over exactly these keys

function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
