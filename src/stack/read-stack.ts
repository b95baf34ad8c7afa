import { dirname, isAbsolute, relative, resolve } from 'node:path/posix';
import { parseEnvFile } from './dotenv.ts';
import { interpolate } from './interpolate.ts';
import { shapeHint, topHint } from './hints.ts';
import { mergeExtended, mergeTrees, pairsToDict, stackRule } from './merge.ts';
import type { Mistakes } from './mistake.ts';
import { suggest } from './nearest.ts';
import { parseFile } from './parse.ts';
import { readOr } from './read-or.ts';
import { rebaseService, rebaseStack } from './rebase.ts';
import { parseRemote, type Located, type Remote } from './remote.ts';
import type { Place } from './source-text.ts';
import type { Lookup } from './template.ts';
import { child, describe, dict, leaf, withChild } from './tree.ts';
import type { Dict, Entry, Tree } from './tree.ts';

export interface ReaderOptions {
  readonly read: (path: string) => string | null;
  readonly mistakes: Mistakes;
  readonly warn: (name: string, line: string) => void;
  /** Variables are left as they are written. */
  readonly raw?: boolean;
  /** Paths from files in other folders stay relative, to the folder of what they are merged into; else they are made absolute. */
  readonly relative?: boolean;
  /** Brings a file from elsewhere; left out: there are none. */
  readonly locate?: (remote: Remote) => Located;
}

/** So many files may be included, each time anew, in one stack; two that include two and so on have no end. */
const MOST_INCLUDES = 1000;

/** So many files may include each other in a row. */
const DEEPEST_INCLUDES = 100;

/** So many services may extend each other in a row. */
const DEEPEST_EXTENDS = 50;

/**
 * Passes 1 to 5, for one file or many: parse, interpolate, extends, include, merge. The result still has its `!reset` and
 * `!override` tags.
 */
export class StackReader {
  readonly #options: ReaderOptions;
  readonly #parsed = new Map<string, readonly Dict[] | null>();
  #includes = 0;
  /** What included files' own env files say of the variables that their configs and secrets are from, by where those are named. */
  readonly #valuesWithin = new Map<string, string>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** What a variable that a config or secret is from is by the env files of the `include` that brought it; undefined: they say nothing. */
  includedValue(place: Place): string | undefined {
    return this.#valuesWithin.get(keyOf(place));
  }

  /** The documents of a file, mappings all; null where the file does not exist. `place`: what names it, for where it cannot be read; left out: an option. */
  documents(file: string, place: Place | null = null): readonly Dict[] | null {
    const known = this.#parsed.get(file);
    if (known !== undefined) return known;
    const { mistakes } = this.#options;
    const text = readOr('', this.#options.read, file, (message) => { if (place === null) mistakes.addFile(file, message); else mistakes.add(place, message); });
    const found: Dict[] = [];
    for (const tree of text === null ? [] : parseFile(file, text, mistakes)) {
      if (tree.kind === 'dict') found.push(tree);
      else mistakes.add(tree.at, `expected a mapping at the top of a stack file, got ${describe(tree)}${topHint(tree)}`);
    }
    const result = text === null ? null : found;
    this.#parsed.set(file, result);
    return result;
  }

  /** Files laid one over the other. `folder`: what their relative paths are relative to. `chain`: the files that include these. */
  stack(files: readonly string[], folder: string, lookup: Lookup, chain: readonly string[] = []): Dict | null {
    let merged: Tree | null = null;
    for (const file of files) {
      for (const document of this.documents(file) ?? []) {
        const filled = this.#interpolate(document, lookup);
        if (filled.kind !== 'dict') continue;
        const extended = this.#extendAll(filled, merged, { file, folder, lookup });
        const whole = this.#include(extended, { file, folder, lookup }, [...chain, file]);
        merged = merged === null ? whole : mergeTrees(merged, whole, stackRule);
      }
    }
    return merged?.kind === 'dict' ? merged : null;
  }

  /** What a path of a file in folder `from` is in one of folder `into`. */
  #rebased(from: string, into: string, path: string): string {
    const found = absolute(from, path);
    return this.#options.relative !== true || found === path ? found : relative(into, found) || '.';
  }

  #interpolate(tree: Tree, lookup: Lookup): Tree {
    return this.#options.raw === true ? tree : interpolate(tree, lookup, this.#options.mistakes, this.#options.warn);
  }

  #extendAll(stack: Dict, earlier: Tree | null, at: Standing): Dict {
    const services = child(stack, 'services');
    if (services?.kind !== 'dict') return stack;
    const before = child(earlier ?? undefined, 'services');
    const entries = new Map<string, Entry>();
    for (const [name, entry] of services.entries) {
      entries.set(name, { key: entry.key, value: this.#extend(name, services, before, at, []) ?? entry.value });
    }
    return withChild(stack, 'services', { ...services, entries });
  }

  /** A service with all it extends merged below it; undefined: there is no such service. */
  #extend(name: string, services: Tree, before: Tree | undefined, at: Standing, chain: readonly string[]): Tree | undefined {
    const { mistakes } = this.#options;
    const service = child(services, name) ?? child(before, name);
    const extending = child(service, 'extends');
    if (service?.kind !== 'dict' || extending === undefined || extending.tag === 'reset') return service;
    const own = withChild(service, 'extends', null);
    const target = extending.kind === 'leaf' ? extending : child(extending, 'service');
    const named = child(extending, 'file');
    const from = named?.kind === 'leaf' && named.value === null ? undefined : named;
    if (target === undefined) {
      mistakes.add(extending.at, `services.${name}.extends: expected the key "service", got none; add service:`);
      return own;
    }
    if (target.kind !== 'leaf' || typeof target.value !== 'string' || (from !== undefined && (from.kind !== 'leaf' || typeof from.value !== 'string'))) {
      mistakes.add(target.at, `services.${name}.extends: expected a service's name and perhaps a file, got ${describe(target)}`);
      return own;
    }
    for (const key of extending.kind === 'dict' ? extending.entries.keys() : []) {
      if (key !== 'service' && key !== 'file') mistakes.add(extending.kind === 'dict' ? extending.entries.get(key)?.key ?? extending.at : extending.at, `services.${name}.extends: unknown key "${key}" in extends${suggest(key, ['service', 'file'])}`);
    }
    const here = `${at.file}#${name}`;
    if (chain.includes(here)) {
      const names = [...chain.slice(chain.indexOf(here)), here].map((each) => each.slice(each.lastIndexOf('#') + 1));
      mistakes.add(extending.at, `services.${name}: extends in a cycle: ${names.join(' → ')}`);
      return own;
    }
    if (chain.length >= DEEPEST_EXTENDS) {
      mistakes.add(extending.at, `services.${name}: more than ${DEEPEST_EXTENDS} services extend each other in a row`);
      return own;
    }
    const file = from === undefined ? at.file : this.#locate(String(from.value), at.folder, from.at, `services.${name}.extends`);
    if (file === null) return own;
    const other = file === at.file ? services : this.#servicesOf(file, at.lookup, from?.at ?? target.at);
    if (other === null) return own;
    const folder = file === at.file ? at.folder : dirname(file);
    // A service may extend its own name in an earlier file.
    const base = file === at.file && target.value === name ? child(before, name) : this.#extend(target.value, other, file === at.file ? before : undefined, { file, folder, lookup: at.lookup }, [...chain, here]);
    // One without a body gives nothing; docker compose then leaves the key where it is.
    if (base?.kind === 'leaf' && base.value === null && file !== at.file) {
      const entry = (key: string, value: string): [string, Entry] => [key, { key: target.at, value: leaf(value, target.at) }];
      return withChild(service, 'extends', dict(new Map([entry('service', String(target.value)), entry('file', file)]), extending.at));
    }
    if (base === undefined && file === at.file && target.value === name) {
      mistakes.add(target.at, `services.${name}.extends: a service cannot extend itself; name another one, or a file with one of this name`);
      return own;
    }
    if (base === undefined) {
      const known = other.kind === 'dict' ? other.entries.keys() : [];
      mistakes.add(target.at, `services.${name}.extends: service "${target.value}" is not in ${file}${suggest(target.value, known)}`);
      return own;
    }
    return mergeExtended(folder === at.folder ? base : rebaseService(base, (path) => this.#rebased(folder, at.folder, path)), own);
  }

  #servicesOf(file: string, lookup: Lookup, place: Place): Tree | null {
    const documents = this.documents(file, place);
    if (documents === null) {
      this.#options.mistakes.add(place, `file ${file} to extend from does not exist; create it, or correct the path`);
      return null;
    }
    const merged = documents.map((document) => this.#interpolate(document, lookup)).reduce<Tree | null>((all, each) => all === null ? each : mergeTrees(all, each, stackRule), null);
    return child(merged ?? undefined, 'services') ?? dict(new Map(), place);
  }

  /** The path of a file that another one names; null: it is elsewhere, and could not be brought here. */
  #locate(value: string, folder: string, place: Place, where: string): string | null {
    const remote = parseRemote(value);
    if (remote === null) return resolve(folder, value);
    const located = this.#options.locate?.(remote) ?? { problem: `a file from elsewhere (${value}) cannot be had here; copy it` };
    if ('file' in located) return located.file;
    this.#options.mistakes.add(place, `${where}: ${located.problem}`);
    return null;
  }

  /** What a file includes lies below it; the including file wins. */
  #include(stack: Dict, at: Standing, chain: readonly string[]): Dict {
    const include = child(stack, 'include');
    if (include === undefined) return stack;
    const { mistakes } = this.#options;
    const own = withChild(stack, 'include', null);
    if (include.kind !== 'list') {
      mistakes.add(include.at, `include: expected a list, got ${describe(include)}${shapeHint('a list', include)}`);
      return own;
    }
    let below: Tree | null = null;
    for (const item of include.items) {
      const included = this.#included(item, at, chain);
      if (included !== null) below = below === null ? included : mergeTrees(below, included, stackRule);
    }
    const merged = below === null ? own : mergeTrees(below, own, stackRule);
    return merged.kind === 'dict' ? merged : own;
  }

  #included(item: Tree, at: Standing, chain: readonly string[]): Tree | null {
    const { mistakes, read } = this.#options;
    const paths = texts(item.kind === 'dict' ? child(item, 'path') : item);
    if (paths.length === 0) {
      mistakes.add(item.at, `include: expected a path or a mapping with "path", got ${describe(item)}${item.kind === 'dict' ? ' without it; add path:' : ''}`);
      return null;
    }
    for (const [key, entry] of item.kind === 'dict' ? item.entries : []) {
      if (!['path', 'env_file', 'project_directory'].includes(key) && !key.startsWith('x-')) mistakes.add(entry.key, `include: unknown key "${key}" in include${suggest(key, ['path', 'env_file', 'project_directory'])}`);
    }
    const files: string[] = [];
    for (const { value, place } of paths) {
      this.#includes++;
      if (this.#includes === MOST_INCLUDES) mistakes.add(place, `include: more than ${MOST_INCLUDES} files are included; include each once`);
      if (this.#includes >= MOST_INCLUDES) return null;
      const file = this.#locate(value, at.folder, place, 'include');
      if (file === null) continue;
      if (chain.length > DEEPEST_INCLUDES) mistakes.add(place, `include: more than ${DEEPEST_INCLUDES} files include each other in a row`);
      else if (chain.includes(file)) mistakes.add(place, `include: files include each other: ${[...chain.slice(chain.indexOf(file)), file].join(' → ')}`);
      else if (this.documents(file, place) === null) mistakes.add(place, `include: file ${file} does not exist; create it, or correct the path`);
      else files.push(file);
    }
    const [first] = files;
    if (first === undefined) return null;
    const chosen = texts(child(item, 'project_directory'))[0]?.value;
    const folder = chosen === undefined ? dirname(first) : resolve(at.folder, chosen);
    const variables = new Map<string, string>();
    const lookup = (name: string): string | undefined => at.lookup(name) ?? variables.get(name);
    const asked = texts(child(item, 'env_file')).map(({ value, place }) => ({ file: resolve(at.folder, value), place }));
    for (const { file, place } of asked.length > 0 ? asked : [{ file: `${folder}/.env`, place: null }]) {
      const content = readOr('', read, file, (message) => { if (place === null) mistakes.addFile(file, message); else mistakes.add(place, `include: ${message}`); });
      if (content !== null) for (const [name, value] of parseEnvFile(file, content, lookup, mistakes, { nameless: true })) variables.set(name, value);
      else if (place !== null) mistakes.add(place, `include: env file ${file} does not exist`);
    }
    const tree = this.stack(files, folder, lookup, chain);
    for (const { key, value } of ['secrets', 'configs'].flatMap((kind) => variablesOf(child(tree ?? undefined, kind)))) {
      const found = value.kind === 'leaf' && typeof value.value === 'string' ? variables.get(value.value) : undefined;
      if (found !== undefined && !this.#valuesWithin.has(keyOf(key))) this.#valuesWithin.set(keyOf(key), found);
    }
    // Its name and extensions are its own; ours is not.
    const rebased = tree === null ? null : fillNames(rebaseStack(tree, (path) => this.#rebased(folder, at.folder, path)), variables);
    return rebased?.kind !== 'dict' ? rebased : { ...rebased, entries: new Map([...rebased.entries].filter(([key]) => key !== 'name' && (!key.startsWith('x-') || key === 'x-bayplan'))) };
  }
}

/** Where each names its variable. */
function variablesOf(resources: Tree | undefined): readonly Entry[] {
  return resources?.kind !== 'dict' ? [] : [...resources.entries.values()].flatMap(({ value }) => {
    const entry = value.kind === 'dict' ? value.entries.get('environment') : undefined;
    return entry === undefined ? [] : [entry];
  });
}

function keyOf({ source, offset }: Place): string {
  return `${source.file}:${offset}`;
}

/** Names without a value in `environment` take that of the included project's env files. */
function fillNames(stack: Tree, variables: ReadonlyMap<string, string>): Tree {
  const services = child(stack, 'services');
  if (stack.kind !== 'dict' || services?.kind !== 'dict' || variables.size === 0) return stack;
  const fill = (item: Tree, name: string): Tree => item.kind === 'leaf' && item.value === null ? leaf(variables.get(name) ?? null, item.at) : item;
  const entries = [...services.entries].map(([name, entry]): [string, Entry] => {
    const environment = child(entry.value, 'environment');
    if (entry.value.kind !== 'dict' || environment === undefined) return [name, entry];
    const pairs = pairsToDict(environment);
    if (pairs.kind !== 'dict') return [name, entry];
    const filled = new Map([...pairs.entries].map(([key, each]): [string, Entry] => [key, { key: each.key, value: fill(each.value, key) }]));
    return [name, { key: entry.key, value: withChild(entry.value, 'environment', { ...pairs, entries: filled }) }];
  });
  return withChild(stack, 'services', { ...services, entries: new Map(entries) });
}

interface Standing { readonly file: string; readonly folder: string; readonly lookup: Lookup }

/** A home folder's path stays for the last pass, which knows the home; an absolute one as it was written. */
function absolute(folder: string, path: string): string {
  return path.startsWith('~') || isAbsolute(path) ? path : resolve(folder, path);
}

function texts(tree: Tree | undefined): { value: string; place: Place }[] {
  const items = tree?.kind === 'list' ? tree.items : tree === undefined ? [] : [tree];
  return items.flatMap((item) => item.kind === 'leaf' && typeof item.value === 'string' ? [{ value: item.value, place: item.at }] : []);
}
