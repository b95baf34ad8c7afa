import { isNumbered, portKey } from './short-forms.ts';
import { parsePortSpec } from './port-spec.ts';
import { child, dict, leaf, list, textOf, withChild } from './tree.ts';
import type { Dict, Entry, List, Tree } from './tree.ts';
import { targetOfSpec } from './volume-spec.ts';

/**
 * How a place of the file merges (Compose Specification 13-merge, in docker compose's reading). Without a rule mappings merge
 * key by key, lists are appended, all else is replaced.
 */
export interface Rule {
  readonly how?: (base: Tree, over: Tree, rule: Rule) => Tree;
  readonly keys?: Readonly<Record<string, Rule>>;
  /** For keys that `keys` does not name. */
  readonly any?: Rule;
}

const replaced: Rule = { how: (_base, over) => over };
/** A name without a value takes the place of one with a value: it is another pair. */
const pairwise: Rule = { how: (base, over) => asPairs(mergeTrees(inOrder(pairsToDict(base)), inOrder(pairsToDict(over)), { any: replaced })) };
/** A string or a list. */
const appended: Rule = { how: (base, over) => list([...itemsOf(base), ...itemsOf(over)], over.at) };
/** A string or a list; appended, each value once. What stands before a "=" tells them apart. */
const distinct: Rule = { how: (base, over) => uniqueBy([...itemsOf(base), ...itemsOf(over)], over, (item) => keyOfScalar(item)?.split('=', 1)[0]) };
const byText: Rule = { how: (base, over) => uniqueBy([...itemsOf(base), ...itemsOf(over)], over, keyOfScalar) };
const byTarget: Rule = { how: (base, over) => uniqueBy([...itemsOf(base), ...itemsOf(over)], over, targetOf) };
const byPath: Rule = { how: (base, over) => uniqueBy([...itemsOf(base), ...itemsOf(over)], over, (item) => textAt(item, 'path') ?? keyOfScalar(item)) };
const byPort: Rule = { how: (base, over) => uniqueBy([...itemsOf(base), ...itemsOf(over)], over, portOf) };
const hosts: Rule = { how: (base, over) => uniqueBy([...hostItems(base), ...hostItems(over)], over, keyOfScalar) };
const names = (rule: Rule): Rule => ({ how: (base, over) => mergeTrees(namesToDict(base, null), namesToDict(over, null), rule) });

const network: Rule = { keys: { aliases: distinct, link_local_ips: distinct } };
const build: Rule = {
  how: (base, over, rule) => mergeDicts(contextToDict(base), contextToDict(over), rule),
  keys: { args: pairwise, labels: pairwise, additional_contexts: pairwise, extra_hosts: hosts, tags: distinct },
};
const logging: Rule = {
  how: (base, over, rule) => {
    const before = textAt(base, 'driver');
    const after = textAt(over, 'driver');
    return before === undefined || after === undefined || before === after ? mergeDicts(base, over, rule) : over;
  },
};
const dependsOn: Rule = { how: (base, over) => mergeTrees(namesToDict(base, 'service_started'), namesToDict(over, 'service_started'), {}) };
const ipamPools: Rule = {
  how: (base, over) => {
    const pools = new Map<string, Tree>();
    for (const pool of [...itemsOf(base), ...itemsOf(over)]) {
      const key = textAt(pool, 'subnet') ?? '';
      const known = pools.get(key);
      pools.set(key, known === undefined ? pool : mergeTrees(known, pool, {}));
    }
    return list([...pools.values()], over.at);
  },
};

/** How a service merges: into an override file's, and into one that it extends. */
export const serviceRule: Rule = {
  keys: {
    annotations: pairwise, build, cap_add: distinct, cap_drop: distinct, command: replaced, configs: byTarget, depends_on: dependsOn,
    deploy: { keys: { labels: pairwise } }, devices: byTarget, dns: distinct, dns_opt: distinct, dns_search: distinct, entrypoint: replaced, env_file: byPath,
    environment: pairwise, expose: byText, extra_hosts: hosts, healthcheck: { keys: { test: replaced } },
    label_file: appended, labels: pairwise, links: distinct, logging, models: names({}), networks: names({ any: network }), ports: byPort, profiles: distinct,
    secrets: byTarget, sysctls: pairwise, tmpfs: distinct, ulimits: { any: replaced }, volumes: byTarget,
  },
};

/** `external: { name: x }` of an earlier file stands for `name: x` by then. */
const oldNameSettled = (base: Tree, over: Tree, rule: Rule): Tree => {
  const external = child(base, 'external');
  const name = external === undefined ? undefined : child(external, 'name');
  if (base.kind !== 'dict' || external === undefined || name === undefined || child(base, 'name') !== undefined) return mergeDicts(base, over, rule);
  return mergeDicts(withChild(withChild(base, 'name', name), 'external', leaf(true, external.at)), over, rule);
};
const resource: Rule = { any: { how: oldNameSettled, keys: { labels: pairwise, external: replaced } } };

/** How whole stack files merge. */
export const stackRule: Rule = {
  keys: {
    services: { any: serviceRule }, volumes: resource, secrets: resource, configs: resource,
    networks: { any: { how: oldNameSettled, keys: { labels: pairwise, external: replaced, ipam: { keys: { config: ipamPools } } } } },
  },
};

/** A service upon one that it extends. What it takes out stays marked as such: it goes from what its file is laid upon too. */
export function mergeExtended(base: Tree, over: Tree): Tree {
  return withResets(mergeTrees(base, over, serviceRule), over);
}

/** `merged` with the `!reset` entries of `over` at their places. */
function withResets(merged: Tree, over: Tree): Tree {
  if (merged.kind !== 'dict' || over.kind !== 'dict') return merged;
  const entries = new Map(merged.entries);
  for (const [key, entry] of over.entries) {
    const known = entries.get(key);
    if (entry.value.tag === 'reset') entries.set(key, entry);
    else if (known !== undefined) entries.set(key, { ...known, value: withResets(known.value, entry.value) });
  }
  return { ...merged, entries };
}

/** `over` laid upon `base`. `!reset` and `!override` act here. Neither tree is changed. */
export function mergeTrees(base: Tree, over: Tree, rule: Rule): Tree {
  if (over.tag !== null) return over;
  // A key with nothing behind it says nothing about what is there.
  if (over.kind === 'leaf' && over.value === null && rule !== replaced) return base;
  if (base.kind === 'leaf' && base.value === null) return over;
  return rule.how === undefined ? mergeDicts(base, over, rule) : rule.how(base, over, rule);
}

function mergeDicts(base: Tree, over: Tree, rule: Rule): Tree {
  if (base.kind === 'list' && over.kind === 'list') return list([...base.items, ...over.items], over.at);
  if (base.kind !== 'dict' || over.kind !== 'dict') return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const known = entries.get(key);
    if (entry.value.tag === 'reset') entries.delete(key);
    else entries.set(key, known === undefined ? entry : { key: entry.key, value: mergeTrees(known.value, entry.value, ruleFor(rule, key)) });
  }
  return { ...base, entries };
}

/** Takes out what `!reset` stands at, and the tags themselves, once there is nothing more to merge. */
export function withoutTags(tree: Tree): Tree {
  if (tree.kind === 'leaf') return tree;
  if (tree.kind === 'list') return tree.items.some((item) => item.kind !== 'leaf') ? { ...tree, items: tree.items.map(withoutTags), tag: null } : tree;
  const entries = new Map<string, Entry>();
  for (const [key, entry] of tree.entries) if (entry.value.tag !== 'reset') entries.set(key, { key: entry.key, value: withoutTags(entry.value) });
  return { ...tree, entries, tag: null };
}

function ruleFor(rule: Rule, key: string): Rule {
  const keys = rule.keys ?? {};
  return (Object.hasOwn(keys, key) ? keys[key] : undefined) ?? rule.any ?? {};
}

function itemsOf(tree: Tree): readonly Tree[] {
  if (tree.kind === 'list') return tree.items;
  return tree.kind === 'leaf' && tree.value === null ? [] : [tree];
}

/** The later of two with the same key takes the place of the earlier. */
function uniqueBy(items: readonly Tree[], place: Tree, key: (item: Tree) => string | undefined): List {
  const found = new Map<unknown, Tree>();
  for (const item of items) found.set(key(item) ?? item, item);
  return list([...found.values()], place.at);
}

function keyOfScalar(item: Tree): string | undefined {
  return item.kind === 'leaf' ? textOf(item) : undefined;
}

function textAt(tree: Tree, key: string): string | undefined {
  const value = child(tree, key);
  return value?.kind === 'leaf' && value.value !== null ? textOf(value) : undefined;
}

/** Of mounts the path in the container; of secrets and configs the target, or the source's own name. */
function targetOf(item: Tree): string | undefined {
  if (item.kind === 'leaf') {
    const spec = textOf(item);
    if (!spec.includes(':') && !spec.startsWith('/')) return `/run/secrets/${spec}`;
    const parts = spec.split(':');
    return spec.startsWith('/dev/') ? parts[1] ?? spec : targetOfSpec(spec);
  }
  const target = textAt(item, 'target') ?? textAt(item, 'source');
  return target === undefined || target.startsWith('/') ? target : `/run/secrets/${target}`;
}

function portOf(item: Tree): string | undefined {
  if (item.kind === 'leaf') {
    const found = parsePortSpec(textOf(item));
    return typeof found === 'string' ? undefined : found.map((port) => portKey(port, false)).join();
  }
  const target = textAt(item, 'target');
  if (target === undefined) return undefined;
  const published = textAt(item, 'published');
  const address = textAt(item, 'host_ip');
  return portKey({ target: Number(target), protocol: textAt(item, 'protocol') ?? 'tcp', ...(published === undefined ? {} : { published }), ...(address === undefined ? {} : { host_ip: address }) }, isNumbered(item));
}

function hostItems(tree: Tree): readonly Tree[] {
  if (tree.kind !== 'dict') return itemsOf(tree);
  return [...tree.entries].flatMap(([host, entry]) => itemsOf(entry.value).map((item) => item.kind === 'leaf' ? leaf(`${host}=${textOf(item)}`, item.at) : item));
}

function asPairs(tree: Tree): Tree {
  return tree.kind === 'dict' ? { ...tree, pairs: true } : tree;
}

/** A mapping's pairs as docker compose lists them: sorted. A list's stay. */
function inOrder(tree: Tree): Tree {
  if (tree.kind !== 'dict' || tree.pairs === true) return tree;
  const text = ([key, { value }]: [string, Entry]): string => value.kind === 'leaf' && value.value !== null ? `${key}=${textOf(value)}` : key;
  return { ...tree, entries: new Map([...tree.entries].map((entry) => ({ entry, text: text(entry) })).sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)).map(({ entry }) => entry)) };
}

/** `["K=v", "K"]` as a mapping. */
export function pairsToDict(tree: Tree): Tree {
  if (tree.kind !== 'list' || tree.items.some((item) => item.kind !== 'leaf' || typeof item.value !== 'string')) return tree;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) {
    const text = item.kind === 'leaf' ? item.text : '';
    const equals = text.indexOf('=');
    if (equals < 0) entries.set(text, { key: item.at, value: leaf(null, item.at) });
    else entries.set(text.slice(0, equals), { key: item.at, value: leaf(text.slice(equals + 1), item.at) });
  }
  return { ...dict(entries, tree.at), pairs: true };
}

function namesToDict(tree: Tree, condition: string | null): Tree {
  if (tree.kind !== 'list' || tree.items.some((item) => item.kind !== 'leaf' || typeof item.value !== 'string')) return tree;
  const entries = new Map<string, Entry>();
  for (const item of tree.items) {
    const value: Dict | Tree = condition === null ? leaf(null, item.at) : dict(new Map([['condition', { key: item.at, value: leaf(condition, item.at) }]]), item.at);
    if (item.kind === 'leaf') entries.set(item.text, { key: item.at, value });
  }
  return dict(entries, tree.at);
}

function contextToDict(tree: Tree): Tree {
  return tree.kind === 'leaf' && typeof tree.value === 'string' ? dict(new Map([['context', { key: tree.at, value: tree }]]), tree.at) : tree;
}
