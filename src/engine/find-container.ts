import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { SetAsides } from '../runtime/set-aside.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';

/**
 * A container by name, id or unambiguous beginning of an id. Throws BayplanError `not-found` (in Docker's words: clients compare them), `ambiguous`, and what is wrong with its record where that cannot
 * be read.
 */
export function findContainer(ref: string, containers: Pick<ContainerStore, 'get' | 'list'>, asides: SetAsides): Container & { readonly name: string } {
  const name = ref.replace(/^\//, '');
  const named = containers.get(name);
  if (named !== null) return { ...named, name };
  const [first, second] = /^[0-9a-f]{1,64}$/.test(ref) ? [...containers.list()].filter(([, container]) => container.status?.id.startsWith(ref)) : [];
  if (first === undefined) {
    asides.refuse('container', name);
    throw new BayplanError('not-found', `No such container: ${ref}`);
  }
  if (second !== undefined) throw new BayplanError('ambiguous', `${ref} is the beginning of more than one container's id: give more of it`);
  return { ...first[1], name: first[0] };
}

/** Whether one of these is meant by a name, an id or the beginning of one. */
export function isAmong(ref: string, containers: ReadonlyMap<string, Container>): boolean {
  return containers.has(ref) || [...containers.values()].some(({ status }) => status?.id.startsWith(ref) === true);
}
