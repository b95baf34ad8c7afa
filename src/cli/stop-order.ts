import type { Service } from '../state/service.ts';

/** Services in the order they are stopped: each group once the one before has ended, dependents before what they depend on. */
export function stopOrder(services: Readonly<Record<string, Pick<Service, 'dependsOn'>>>): readonly (readonly string[])[] {
  const left = new Set(Object.keys(services));
  const groups: string[][] = [];
  while (left.size > 0) {
    const needed = new Set([...left].flatMap((name) => Object.keys(services[name]?.dependsOn ?? {})));
    const free = [...left].filter((name) => !needed.has(name));
    const group = free.length > 0 ? free : [...left]; // a cycle was refused long before
    groups.push(group);
    for (const name of group) left.delete(name);
  }
  return groups;
}
