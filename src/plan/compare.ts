import { inLine, isObject, valueText } from './value-text.ts';

/** One value that differs. `field` is its path, as `resources.memory` or `mounts[/data].readOnly`; undefined stands for absent. */
export interface Change { readonly field: string; readonly before: unknown; readonly after: unknown }

/** What differs between two plain values: objects key by key, in the order of the keys, all else as a whole. */
export function compare(field: string, before: unknown, after: unknown): readonly Change[] {
  if (isObject(before) && isObject(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => compare(join(field, key), before[key], after[key]));
  }
  return same(before, after) ? [] : [{ field, before, after }];
}

/** Whether two plain values are the same. Makes nothing: thousands are compared for each one that differs. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let index = 0; index < a.length; index++) if (!isSame(a[index], b[index])) return false;
    return true;
  }
  if (!isObject(a) || !isObject(b)) return false;
  let keys = 0;
  for (const key in a) {
    if (!Object.hasOwn(b, key) || !isSame(a[key], b[key])) return false;
    keys++;
  }
  for (const _key in b) keys--;
  return keys === 0;
}

/** A change in one line, of long values the part where they begin to differ. */
export function changeText({ field, before, after }: Change): string {
  const [was, is] = [valueText(field, before), valueText(field, after)];
  let same = 0;
  while (same < was.length && was[same] === is[same]) same++;
  return `${field}: ${excerpt(was, same)} → ${excerpt(is, same)}`;
}

const LONGEST = 100;
/** Characters that both have, before what differs. */
const LEAD = 20;

function excerpt(text: string, differs: number): string {
  if (text.length <= LONGEST) return text;
  const start = differs < LONGEST - LEAD ? 0 : differs - LEAD;
  return `${start === 0 ? '' : '…'}${text.slice(start, start + LONGEST)}${start + LONGEST < text.length ? '…' : ''}`;
}

function join(field: string, key: string): string {
  return field === '' || key.startsWith('[') ? `${field}${inLine(key)}` : `${field}.${inLine(key)}`;
}

function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => same(item, b[index]));
  if (isObject(a) && isObject(b)) return compare('', a, b).length === 0;
  return a === b;
}
