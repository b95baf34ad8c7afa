import { floatText } from './number-text.ts';
import { exactInteger, isInteger } from './scalar.ts';
import type { Place } from './source-text.ts';

/** A date is what a plain `2024-01-31` is in YAML. */
export type Scalar = string | number | boolean | Date | null;

/** Compose's own YAML tags: `!reset` removes what earlier files say, `!override` replaces instead of merging. */
export type Tag = 'reset' | 'override' | null;

/** A plain tree with the position of every key and value; what all passes work on. Trees are never changed, they are replaced. */
export type Tree = Leaf | List | Dict;

export interface Leaf {
  readonly kind: 'leaf';
  readonly value: Scalar;
  /** As written, without quotes. */
  readonly text: string;
  readonly at: Place;
  readonly tag: Tag;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly at: Place;
  readonly tag: Tag;
}

export interface Dict {
  readonly kind: 'dict';
  /** A Map, so that no key of a file can reach an object's prototype. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly at: Place;
  readonly tag: Tag;
  /** Two files' pairs laid one over the other: docker compose has a list of `KEY=VALUE` from then on, which a model whose variables are not filled in shows. */
  readonly pairs?: true;
}

export interface Entry {
  /** Where the key stands. */
  readonly key: Place;
  readonly value: Tree;
}

export function leaf(value: Scalar, at: Place): Leaf {
  return { kind: 'leaf', value, text: value === null ? '' : String(value), at, tag: null };
}

export function list(items: readonly Tree[], at: Place): List {
  return { kind: 'list', items, at, tag: null };
}

export function dict(entries: ReadonlyMap<string, Entry>, at: Place): Dict {
  return { kind: 'dict', entries, at, tag: null };
}

/** A plain value as a tree that stands all at one place. Keys without a value are left out. */
export function treeOf(value: object | Scalar, at: Place): Tree {
  if (typeof value !== 'object' || value === null || value instanceof Date) return leaf(value, at);
  if (Array.isArray(value)) return list(value.map((item: object | Scalar) => treeOf(item, at)), at);
  const known = Object.entries(value).filter((entry): entry is [string, object | Scalar] => entry[1] !== undefined);
  return dict(new Map(known.map(([key, each]) => [key, { key: at, value: treeOf(each, at) }])), at);
}

/** The value below a key, or undefined where there is none or `tree` is no mapping. */
export function child(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === 'dict' ? tree.entries.get(key)?.value : undefined;
}

/** `dict` with one key set (null: removed). */
export function withChild(tree: Dict, key: string, value: Tree | null): Dict {
  const entries = new Map(tree.entries);
  if (value === null) entries.delete(key);
  else entries.set(key, { key: entries.get(key)?.key ?? value.at, value });
  return { ...tree, entries };
}

/** The deepest place known on the way down `path`: of the key where the last part is one, else of the value. */
export function placeOf(tree: Tree, path: readonly (string | number)[]): Place {
  let place = tree.at;
  let node: Tree | undefined = tree;
  for (const part of path) {
    if (node.kind === 'dict') {
      const entry: Entry | undefined = node.entries.get(String(part));
      if (entry === undefined) return place;
      place = entry.key;
      node = entry.value;
    } else if (node.kind === 'list') {
      // A list of names stands for a mapping of them.
      const start = `${String(part)}=`;
      const item: Tree | undefined = typeof part === 'number' ? node.items[part]
        : node.items.find((each) => each.kind === 'leaf' && (each.text === part || each.text.startsWith(start)));
      if (item === undefined) return place;
      place = item.at;
      node = item;
    } else {
      return place;
    }
  }
  return place;
}

/** The place of the value at `path`, or the nearest that is known. */
export function valuePlaceOf(tree: Tree, path: readonly (string | number)[]): Place {
  let node: Tree | undefined = tree;
  for (const part of path) node = node?.kind === 'list' && typeof part === 'number' ? node.items[part] : child(node, String(part));
  return node?.at ?? placeOf(tree, path);
}

/** A scalar as Compose makes text of it: numbers by value (`1.10` is `1.1`). */
export function textOf(node: Leaf): string {
  const { value } = node;
  if (value === null) return '';
  if (typeof value !== 'number') return value instanceof Date ? node.text : String(value);
  if (!isWhole(node)) return floatText(value);
  return Number.isSafeInteger(value) ? String(value) : exactInteger(node.text);
}

/** Whether a number was written as an integer. */
export function isWhole(node: Leaf): boolean {
  return typeof node.value === 'number' && isInteger(node.text);
}

/** What stands there, in words, for "got …". */
export function describe(tree: Tree): string {
  if (tree.kind === 'list') return 'a list';
  if (tree.kind === 'dict') return 'a mapping';
  if (tree.value === null) return 'nothing';
  if (typeof tree.value === 'number') return `the number ${tree.text}`;
  if (typeof tree.value === 'boolean') return `the boolean ${tree.text}`;
  if (tree.value instanceof Date) return `the date ${tree.text}`;
  return JSON.stringify(tree.value.length > 60 ? `${tree.value.slice(0, 57)}...` : tree.value);
}

/** The tree as plain data, for extension keys (`x-…`). */
export function plain(tree: Tree): unknown {
  if (tree.kind === 'leaf') return isWhole(tree) && !Number.isSafeInteger(tree.value) ? BigInt(exactInteger(tree.text)) : tree.value;
  if (tree.kind === 'list') return tree.items.map(plain);
  return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, plain(entry.value)]));
}
