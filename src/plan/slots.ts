import type { Container } from '../state/container.ts';
import type { Wanted } from './expand.ts';

export type Named = readonly [name: string, container: Container];

/** The name of a generation that comes while the one before it has the container's own name. */
export function interimName(name: string, generation: number): string {
  return `${name}.g${generation}`;
}

/** Whether a container has the interim name of its generation of this place. */
export function isInterim({ name }: Pick<Wanted, 'name'>, [its, { identity }]: Named): boolean {
  return its === interimName(name, identity.generation);
}

/** The containers in one place of a service: the one that counts as there, and of those that came later the last. */
export interface Slot { readonly holder: Named | null; readonly successor: Named | null; readonly lastGeneration: number }

/** The holder has the wanted name, else it is the latest that has no interim one, whatever its name; else whoever has that name. */
export function slotOf(one: Wanted, inPlace: readonly Named[], occupant: Container | undefined): Slot {
  const latestFirst = (one.owner === 'stack' ? inPlace : []).toSorted(([, a], [, b]) => b.identity.generation - a.identity.generation);
  const established = latestFirst.filter((each) => !isInterim(one, each));
  const holder: Named | null = established.find(([name]) => name === one.name) ?? established[0] ?? (occupant === undefined ? null : [one.name, occupant]);
  return { holder, successor: latestFirst.find((each) => isInterim(one, each)) ?? null, lastGeneration: Math.max(0, ...latestFirst.map(([, { identity }]) => identity.generation), holder?.[1].identity.generation ?? 0) };
}
