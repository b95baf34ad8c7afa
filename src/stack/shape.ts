import type { Mistakes } from './mistake.ts';
import { hintFor, shapeHint } from './hints.ts';
import { suggest } from './nearest.ts';
import { float32 } from './number-text.ts';
import { describe, isWhole, plain, textOf } from './tree.ts';
import type { Dict, Tree } from './tree.ts';

/** What reading a tree needs beside the tree. `resolve` makes a path absolute; `home` may be ''. */
export interface Reading {
  readonly mistakes: Mistakes;
  readonly resolve: (path: string) => string;
  /** The same for what may be a link, or lie below one. */
  readonly resolveLink: (path: string) => string;
  /** How many more ports the stack may have. */
  readonly ports: { left: number };
}

/**
 * What may stand at a place of a stack file: checks it and returns its canonical form, or adds mistakes and returns undefined.
 * `where` is the dotted path, for messages.
 */
export interface Shape<T> {
  readonly expected: string;
  readonly read: (tree: Tree, reading: Reading, where: string) => T | undefined;
}

/** What a shape reads. */
export type Read<S> = S extends Shape<infer T> ? T : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Flat<T> = { [K in keyof T]: T[K] };
type Required<F extends Fields> = { readonly [K in keyof F]: Read<F[K]> };
type Optional<F extends Fields> = { readonly [K in keyof F]?: Read<F[K]> };

/** Adds `where: expected …, got …` and returns undefined. */
export function mismatch(tree: Tree, reading: Reading, where: string, expected: string): undefined {
  const text = tree.kind === 'leaf' && typeof tree.value !== 'string' && tree.value !== null;
  const hint = text && expected.startsWith('a string') ? `; write "${tree.text}"` : text && typeof tree.value === 'number' && expected.startsWith('a duration') ? `; write ${tree.text}s` : shapeHint(expected, tree, where);
  reading.mistakes.add(tree.at, `${where}: expected ${expected}, got ${describe(tree)}${hint}`);
}

/** A string. */
export const text: Shape<string> = {
  expected: 'a string',
  read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'string' ? tree.value : mismatch(tree, reading, where, 'a string'),
};

/** Text that may be written as a number. */
export const textOrNumber: Shape<string> = {
  expected: 'a string or a number',
  read: (tree, reading, where) => tree.kind === 'leaf' && (typeof tree.value === 'string' || typeof tree.value === 'number') ? textOf(tree) : mismatch(tree, reading, where, 'a string or a number'),
};

/** What may be a number, but no fraction. */
export const textOrWhole: Shape<string> = {
  expected: 'a string or a whole number',
  read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'number' && isWhole(tree) ? textOf(tree) : text.read(tree, reading, where),
};

/** Text that may be written as a number or boolean. */
export const loose: Shape<string> = {
  expected: 'a string, a number or a boolean',
  read: (tree, reading, where) => tree.kind === 'leaf' && tree.value !== null && !(tree.value instanceof Date) ? textOf(tree) : mismatch(tree, reading, where, 'a string, a number or a boolean'),
};

/** A string that `parse` understands; it returns undefined for one that it does not. */
export function parsed<T>(expected: string, parse: (value: string) => T | undefined, from: Shape<string> = textOrNumber): Shape<T> {
  return {
    expected,
    read: (tree, reading, where) => {
      if (tree.kind !== 'leaf' || tree.value === null || (typeof tree.value !== 'string' && from === text)) return mismatch(tree, reading, where, expected);
      const value = from.read(tree, reading, where);
      if (value === undefined) return undefined;
      const result = parse(value);
      return result === undefined ? mismatch(tree, reading, where, expected) : result;
    },
  };
}

const truths: Readonly<Record<string, boolean>> = { true: true, yes: true, y: true, on: true, false: false, no: false, n: false, off: false };

/** true or false; as text too, since variables are text, in YAML 1.1's words. */
export const flag = parsed('true or false', (value) => Object.hasOwn(truths, value.toLowerCase()) ? truths[value.toLowerCase()] : undefined, loose);

/** true or false, and no text for them. */
export const plainFlag: Shape<boolean> = {
  expected: 'true or false',
  read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'boolean' ? tree.value : mismatch(tree, reading, where, 'true or false'),
};

/** A whole number that may be written as text; of a fraction only the whole part counts, as in docker compose. */
export const integer = number('a whole number', { fraction: 'cut', least: -Infinity });
export const count = number('a whole number, 0 or more', { fraction: 'cut', least: 0 });
/** The same where a fraction is a mistake. */
export const wholeInteger = number('a whole number', { fraction: 'refused', least: -Infinity });
export const wholeCount = number('a whole number, 0 or more', { fraction: 'refused', least: 0 });

interface Bounds { readonly fraction: 'cut' | 'refused'; readonly least: number; readonly most?: number }

export function number(expected: string, { fraction, least, most = Infinity }: Bounds): Shape<number> {
  return {
    expected,
    read: (tree, reading, where) => {
      if (tree.kind !== 'leaf') return mismatch(tree, reading, where, expected);
      const value = typeof tree.value === 'string' ? (/^[+-]?\d+$/.test(tree.value) ? Number(tree.value) : undefined)
        : typeof tree.value === 'number' && Number.isFinite(tree.value) && (fraction === 'cut' || Number.isInteger(tree.value)) ? Math.trunc(tree.value) : undefined;
      return value === undefined || value < least || value > most ? mismatch(tree, reading, where, expected) : value;
    },
  };
}

/** A number that may be written as text; 32 bits of it are kept. */
export const decimal: Shape<number> = parsed('a number', (value) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? float32(Number(value)) : undefined);

/** One of some words; the nearest one is named. */
export function oneOf<const W extends string>(...words: readonly W[]): Shape<W> {
  const expected = `one of ${words.map((word) => `"${word}"`).join(', ')}`;
  return {
    expected,
    read: (tree, reading, where) => {
      const found = tree.kind === 'leaf' ? words.find((word) => word === tree.value) : undefined;
      if (found !== undefined) return found;
      const near = tree.kind === 'leaf' && typeof tree.value === 'string' ? nearestWord(tree.value, words) : '';
      reading.mistakes.add(tree.at, `${where}: expected ${expected}, got ${describe(tree)}${near}`);
      return undefined;
    },
  };
}

/** One that is spelt alike, or that what was written is a part of. */
function nearestWord(value: string, words: readonly string[]): string {
  const whole = value.length > 2 ? words.find((word) => word.includes(value.toLowerCase())) : undefined;
  return suggest(value, words) || (whole === undefined ? '; take one of these' : `; did you mean "${whole}"?`);
}

/** A list of one shape. Items with mistakes are left out. */
export function listOf<T>(item: Shape<T>): Shape<readonly T[]> {
  return {
    expected: 'a list',
    read: (tree, reading, where) => {
      if (tree.kind !== 'list') return mismatch(tree, reading, where, 'a list');
      const items: T[] = [];
      tree.items.forEach((each, index) => {
        const value = item.read(each, reading, `${where}[${String(index)}]`);
        if (value !== undefined) items.push(value);
      });
      return items;
    },
  };
}

/** A list that says each thing once; the later of two with the same key takes the place of the earlier. */
export function distinct<T>(item: Shape<T>, keyOf: (value: T) => unknown = (value) => value): Shape<readonly T[]> {
  return converted(listOf(item), (values) => [...new Map(values.map((value) => [keyOf(value), value])).values()]);
}

/** A list in which saying something twice is a mistake. */
export function unrepeated(item: Shape<string>): Shape<readonly string[]> {
  return converted(listOf(item), (values, tree, reading, where) => {
    const twice = values.findIndex((value, index) => values.indexOf(value) < index);
    if (twice < 0) return values;
    reading.mistakes.add((tree.kind === 'list' ? tree.items[twice] : undefined)?.at ?? tree.at, `${where}: ${JSON.stringify(values[twice])} is in the list twice; take one out`);
    return undefined;
  });
}

/** One value, or a list of them. */
export function oneOrMore(item: Shape<string>, many: Shape<readonly string[]> = listOf(item)): Shape<readonly string[]> {
  return {
    expected: `${item.expected} or a list`,
    read: (tree, reading, where) => {
      if (tree.kind === 'list') return many.read(tree, reading, where);
      if (tree.kind === 'dict' || typeof tree.value !== 'string') return mismatch(tree, reading, where, `${item.expected} or a list`);
      const value = item.read(tree, reading, where);
      return value === undefined ? undefined : [value];
    },
  };
}

/** A mapping from names of the file's own to one shape. `pattern`: what names may look like. */
export function dictOf<T>(value: Shape<T>, pattern: RegExp | null = null): Shape<Readonly<Record<string, T>>> {
  return {
    expected: 'a mapping',
    read: (tree, reading, where) => {
      if (tree.kind !== 'dict') return mismatch(tree, reading, where, 'a mapping');
      const result: Record<string, T> = {};
      for (const [key, entry] of tree.entries) {
        if (pattern !== null && !pattern.test(key)) {
          reading.mistakes.add(entry.key, `${where}: expected a name of letters, digits, ".", "_" and "-", got ${JSON.stringify(key)}; ${key === '' ? 'give it one' : `write ${key.replace(/[^\w.-]/g, '_')}`}`);
          continue;
        }
        const read = value.read(entry.value, reading, `${where}.${key}`);
        if (read !== undefined) result[key] = read;
      }
      return result;
    },
  };
}

/** A mapping with the keys of the specification; unknown ones are mistakes, `x-…` are kept as they are. */
export function record<R extends Fields, O extends Fields>(what: string, required: R, optional: O): Shape<Flat<Required<R> & Optional<O>>> {
  const fields = new Map(Object.entries({ ...required, ...optional }));
  const needed = Object.keys(required);
  const check = (tree: Dict, reading: Reading, where: string): Record<string, unknown> | undefined => {
    const result: Record<string, unknown> = {};
    let whole = true;
    for (const [key, entry] of tree.entries) {
      const shape = fields.get(key);
      if (shape === undefined) {
        if (key.startsWith('x-')) result[key] = plain(entry.value);
        else reading.mistakes.add(entry.key, `${where === '' ? '' : `${where}: `}unknown key "${key}" in ${what}${hintFor(key, what, entry) || suggest(key, fields.keys())}`);
        continue;
      }
      const value = shape.read(entry.value, reading, where === '' ? key : `${where}.${key}`);
      if (value !== undefined) result[key] = value;
      else if (needed.includes(key)) whole = false;
    }
    for (const key of needed) {
      if (tree.entries.has(key)) continue;
      reading.mistakes.add(tree.at, `${where}: expected the key "${key}" in ${what}, got none; add ${key}:`);
      whole = false;
    }
    return whole ? result : undefined;
  };
  return {
    expected: 'a mapping',
    // The one cast: each field has just been read by its own shape.
    read: (tree, reading, where) => tree.kind === 'dict' ? check(tree, reading, where) as Flat<Required<R> & Optional<O>> | undefined : mismatch(tree, reading, where, 'a mapping'),
  };
}

/** `shape`, or nothing (which reads as `empty`). */
export function orNothing<T, E>(shape: Shape<T>, empty: E): Shape<T | E> {
  return {
    expected: `${shape.expected} or nothing`,
    read: (tree, reading, where) => tree.kind === 'leaf' && tree.value === null ? empty : shape.read(tree, reading, where),
  };
}

/** `shape`, or nothing, which is as if the key were not there. */
export function orAbsent<T>(shape: Shape<T>): Shape<T> {
  return {
    expected: `${shape.expected} or nothing`,
    read: (tree, reading, where) => tree.kind === 'leaf' && tree.value === null ? undefined : shape.read(tree, reading, where),
  };
}

/** One shape for mappings, one for all else: the long and the short form of a value. */
export function longOrShort<L, S>(long: Shape<L>, short: Shape<S>): Shape<L | S> {
  return {
    expected: `${short.expected} or ${long.expected}`,
    read: (tree, reading, where) => {
      if (tree.kind === 'dict') return long.read(tree, reading, where);
      return tree.kind === 'leaf' && tree.value !== null ? short.read(tree, reading, where) : mismatch(tree, reading, where, `${short.expected} or ${long.expected}`);
    },
  };
}

/** `shape`, then `convert` to canonical form; it may add mistakes at the tree and return undefined. */
export function converted<T, U>(shape: Shape<T>, convert: (value: T, tree: Tree, reading: Reading, where: string) => U | undefined): Shape<U> {
  return {
    expected: shape.expected,
    read: (tree, reading, where) => {
      const value = shape.read(tree, reading, where);
      return value === undefined ? undefined : convert(value, tree, reading, where);
    },
  };
}

/** Anything: extensions, and keys that are kept as they are. */
export const anything: Shape<unknown> = { expected: 'anything', read: plain };
