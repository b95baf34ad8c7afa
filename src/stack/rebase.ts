import { isRemoteContext } from './service-schema.ts';
import { child, leaf, treeOf, withChild } from './tree.ts';
import { isPath, parseVolumeSpec } from './volume-spec.ts';
import type { Dict, Tree } from './tree.ts';

/**
 * Turns the relative paths of a service, which stand for files beside its own, into what they are in a file of another folder (`extends`, `include`),
 * before it is merged into that.
 */
export function rebaseService(service: Tree, resolve: (path: string) => string): Tree {
  if (service.kind !== 'dict') return service;
  let result = service;
  const at = (key: string, change: (tree: Tree) => Tree): void => {
    const value = child(result, key);
    if (value !== undefined) result = withChild(result, key, change(value));
  };
  const path = (tree: Tree): Tree => mapText(tree, resolve);
  const folder = (text: string): string => isRemoteContext(text) || text === '' ? text : resolve(text);
  const local = (tree: Tree): Tree => mapText(tree, folder);
  const key = (tree: Tree): Tree => below(tree, 'ssh', (keys) => keys.kind === 'dict' ? everyChild(keys, path) : each(keys, (item) => pairValue(item, resolve)));
  const others = (tree: Tree): Tree => below(tree, 'additional_contexts', (all) => all.kind === 'dict' ? everyChild(all, local) : each(all, (item) => pairValue(item, folder)));
  at('build', (tree) => tree.kind === 'dict' ? others(key(below(tree, 'context', local))) : local(tree));
  at('env_file', (tree) => each(tree, (item) => item.kind === 'dict' ? below(item, 'path', path) : path(item)));
  at('label_file', (tree) => each(tree, path));
  at('volumes', (tree) => each(tree, (item) => item.kind === 'dict' ? bindSource(item, path) : longBind(item, resolve) ?? mapText(item, (text) => {
    const [source = '', ...rest] = text.split(':');
    if (rest.length === 0 || !isPath(source)) return text;
    return [resolve(source), ...rest].join(':');
  })));
  at('develop', (tree) => below(tree, 'watch', (watch) => each(watch, (item) => below(item, 'path', path))));
  return result;
}

/** The same for all of a file: its services, the files of secrets and configs, and the folders of volumes. */
export function rebaseStack(stack: Tree, resolve: (path: string) => string): Tree {
  let result = below(stack, 'services', (services) => everyChild(services, (service) => rebaseService(below(service, 'build', withContext), resolve)));
  for (const key of ['secrets', 'configs']) {
    result = below(result, key, (all) => everyChild(all, (item) => below(item, 'file', (file) => mapText(file, resolve))));
  }
  return below(result, 'volumes', (all) => everyChild(all, (volume) => volumeDevice(volume, resolve)));
}

/** A build without a context has the folder of its own file. */
function withContext(build: Tree): Tree {
  return build.kind === 'dict' && !build.entries.has('context') ? withChild(build, 'context', leaf('.', build.at)) : build;
}

function bindSource(mount: Dict, path: (tree: Tree) => Tree): Tree {
  const type = child(mount, 'type');
  return type?.kind === 'leaf' && type.value === 'bind' ? below(mount, 'source', path) : mount;
}

/** The value of a `NAME=VALUE`. */
function pairValue(item: Tree, change: (value: string) => string): Tree {
  return mapText(item, (text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? text : `${text.slice(0, equals + 1)}${change(text.slice(equals + 1))}`;
  });
}

/** A short bind in its long form, where its path as it is from now on would be read as a volume's name; null: it needs none. */
function longBind(item: Tree, resolve: (path: string) => string): Tree | null {
  const spec = item.kind === 'leaf' && typeof item.value === 'string' ? parseVolumeSpec(item.value) : '';
  if (typeof spec === 'string' || spec.type !== 'bind' || spec.source === undefined) return null;
  const source = resolve(spec.source);
  return isPath(source) ? null : treeOf({ ...spec, source }, item.at);
}

/** A bind of a volume that is of this machine. */
function volumeDevice(volume: Tree, resolve: (path: string) => string): Tree {
  const driver = child(volume, 'driver');
  const o = child(child(volume, 'driver_opts'), 'o');
  const bound = driver?.kind === 'leaf' && driver.value === 'local' && o?.kind === 'leaf' && o.value === 'bind';
  return bound ? below(volume, 'driver_opts', (options) => below(options, 'device', (device) => mapText(device, resolve))) : volume;
}

function below(tree: Tree, key: string, change: (tree: Tree) => Tree): Tree {
  const value = child(tree, key);
  return tree.kind !== 'dict' || value === undefined ? tree : withChild(tree, key, change(value));
}

function everyChild(tree: Tree, change: (tree: Tree) => Tree): Tree {
  if (tree.kind !== 'dict') return tree;
  return { ...tree, entries: new Map([...tree.entries].map(([key, entry]) => [key, { key: entry.key, value: change(entry.value) }])) };
}

function each(tree: Tree, change: (tree: Tree) => Tree): Tree {
  return tree.kind === 'list' ? { ...tree, items: tree.items.map(change) } : change(tree);
}

function mapText(tree: Tree, change: (text: string) => string): Tree {
  if (tree.kind !== 'leaf' || typeof tree.value !== 'string') return tree;
  const text = change(tree.value);
  return { ...tree, value: text, text };
}
