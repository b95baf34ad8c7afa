/** A set, map or chain: what is said of it as a whole, or its rules; and the elements, one by one. */
export interface TableObject { readonly lines: readonly string[]; readonly elements: readonly string[] }
/** A table as `nft list table` prints it, by `set X`, `map X`, `chain X`. `table`: what is said of all of it, where anything is. */
export type TableListing = ReadonlyMap<string, TableObject>;

/** What a table lacks or has too much, of one set, map or chain. `whole`: it lacks all of it. */
export interface RuleDrift { readonly object: string; readonly missing: readonly string[]; readonly surplus: readonly string[]; readonly whole: boolean }

/** Reads a listing. Elements have no comma in them: they are names, addresses, numbers and verdicts. */
export function readListing(text: string): TableListing {
  const objects = new Map<string, TableObject>();
  const trimmed = (parts: readonly string[]): readonly string[] => parts.map((part) => part.trim()).filter((part) => part !== '');
  const flags = [...text.matchAll(/^\tflags .*$/gm)].map(([line]) => line);
  if (flags.length > 0) objects.set('table', { lines: trimmed(flags), elements: [] });
  for (const [, name = '', body = ''] of text.matchAll(/^\t((?:set|map|chain) \S+) \{\n(.*?)^\t\}$/gms)) {
    const elements = /^\t\telements = \{(.*?)\}$/ms.exec(body);
    objects.set(name, { lines: trimmed((elements === null ? body : body.replace(elements[0], '')).split('\n')), elements: trimmed((elements?.[1] ?? '').split(',')) });
  }
  return objects;
}

/** How a table differs from what the kernel shows of one that is as it should be. */
export function ruleDrift(expected: TableListing, found: TableListing): readonly RuleDrift[] {
  const all = (object: TableObject | undefined): readonly string[] => (object === undefined ? [] : [...object.lines, ...object.elements]);
  return [...new Set([...expected.keys(), ...found.keys()])].flatMap((object): readonly RuleDrift[] => {
    const isThere = found.has(object);
    const [wanted, there] = [all(expected.get(object)), all(found.get(object))];
    const missing = wanted.filter((line) => !there.includes(line));
    const surplus = there.filter((line) => !wanted.includes(line));
    if (missing.length > 0 || surplus.length > 0 || !isThere) return [{ object, missing, surplus, whole: !isThere }];
    return object.startsWith('chain ') && !sameLines(wanted, there) ? [{ object, missing: [], surplus: ['its rules in another order'], whole: false }] : [];
  });
}

export function sameLines(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((line, index) => line === others[index]);
}
