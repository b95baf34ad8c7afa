/**
 * Items so that each comes after those it needs, otherwise in the order given. Needs that are not among the items are passed
 * over, and so is one that would close a circle: the result then is an order, but not of that need.
 */
export function inOrder<T>(items: readonly T[], idOf: (item: T) => string, needsOf: (item: T) => readonly string[]): readonly T[] {
  const byId = new Map(items.map((item) => [idOf(item), item]));
  const seen = new Set<string>();
  const ordered: T[] = [];
  const visit = (item: T): void => {
    const id = idOf(item);
    if (seen.has(id)) return;
    seen.add(id);
    for (const need of needsOf(item)) {
      const needed = byId.get(need);
      if (needed !== undefined) visit(needed);
    }
    ordered.push(item);
  };
  items.forEach(visit);
  return ordered;
}
