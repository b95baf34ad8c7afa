/** A table as `nft list table` prints it: the lines of each set, map and chain, elements one by one. */
export type TableListing = ReadonlyMap<string, readonly string[]>;

/** What a table lacks or has too much, of one set, map or chain. `whole`: it lacks all of it. */
export interface RuleDrift { readonly object: string; readonly missing: readonly string[]; readonly surplus: readonly string[]; readonly whole: boolean }

/** Reads a listing. Elements have no comma in them: they are names, addresses, numbers and verdicts. */
export function readListing(text: string): TableListing {
  const objects = new Map<string, string[]>();
  for (const [, name = '', body = ''] of text.matchAll(/^\t((?:set|map|chain) \S+) \{\n(.*?)^\t\}$/gms)) {
    const elements = /^\t\telements = \{(.*?)\}$/ms.exec(body);
    const lines = (elements === null ? body : body.replace(elements[0], '')).split('\n').map((line) => line.trim()).filter((line) => line !== '');
    objects.set(name, [...lines, ...(elements?.[1] ?? '').split(',').map((element) => element.trim()).filter((element) => element !== '')]);
  }
  return objects;
}

/** How a table differs from what the kernel shows of one that is as it should be. */
export function ruleDrift(expected: TableListing, found: TableListing): readonly RuleDrift[] {
  return [...new Set([...expected.keys(), ...found.keys()])].flatMap((object): readonly RuleDrift[] => {
    const [wanted = [], there] = [expected.get(object), found.get(object)];
    const missing = wanted.filter((line) => there?.includes(line) !== true);
    const surplus = (there ?? []).filter((line) => !wanted.includes(line));
    if (missing.length > 0 || surplus.length > 0 || there === undefined) return [{ object, missing, surplus, whole: there === undefined }];
    const moved = object.startsWith('chain ') && (wanted.length !== there.length || wanted.some((line, index) => line !== there[index]));
    return moved ? [{ object, missing: [], surplus: ['its rules in another order'], whole: false }] : [];
  });
}
