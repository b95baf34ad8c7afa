import { TableChange } from './table-change.ts';
import { sameLines, type TableListing } from './table-listing.ts';
import { leavesChain } from './table-ports.ts';

/**
 * What makes a table as it is `found` what is `expected`, as transactions: what is right already is not touched, so that no packet misses it. Null where that takes another table: it is not hooked as ours is, or its sets
 * are of other types.
 */
export function mending(table: string, expected: TableListing, found: TableListing): readonly string[] | null {
  const change = new TableChange(table);
  for (const [name, { lines, elements }] of expected) {
    const [kind = '', object = ''] = name.split(' ');
    const there = found.get(name);
    if (kind === 'chain') {
      if (there === undefined && isBase(lines)) return null;
      if (there === undefined) change.addChain(object, lines);
      else if (!sameLines(lines, there.lines)) {
        if (!sameLines(lines.filter(isHook), there.lines.filter(isHook))) return null;
        change.replaceRules(object, lines.filter((line) => !isHook(line)));
      }
      continue;
    }
    if (there === undefined || !sameLines(lines, there.lines)) return null;
    const others = (found.get(name.replace('pub', 'lb'))?.elements ?? []).map((element) => ({ set: object.replace('pub', 'lb'), key: keyOf(element) }));
    for (const element of there.elements) if (!elements.includes(element)) change.leave(object, keyOf(element));
    for (const element of elements) if (!there.elements.includes(element)) change.enter(object, element, !there.elements.some((old) => keyOf(old) === keyOf(element)) && leavesChain({ set: object, key: keyOf(element) }, others));
  }
  for (const name of found.keys()) {
    const [kind = '', object = ''] = name.split(' ');
    if (expected.has(name)) continue;
    if (kind === 'table') return null;
    if (kind === 'chain') change.removeChain(object);
    else change.removeSet(kind, object);
  }
  return change.transactions();
}

function isBase(lines: readonly string[]): boolean {
  return lines.some(isHook);
}

/** What a base chain says of its hook and policy. */
function isHook(line: string): boolean {
  return /^type \S+ hook /.test(line);
}

/** `tcp . 80` of `tcp . 80 : 10.0.0.2 . 80`. */
function keyOf(element: string): string {
  return element.split(' : ')[0] ?? element;
}
