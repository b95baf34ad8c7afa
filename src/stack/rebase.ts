import { isPath } from './volume-spec.ts';
import { child, leaf, withChild } from './tree.ts';
import type { Dict, Tree } from './tree.ts';

/**
 * Makes the relative paths of a service absolute against the folder of the file it stands in, before it is merged into a file
 * of another folder (`extends`, `include`).
 */
export function rebaseService(service: Tree, resolve: (path: string) => string): Tree {
  if (service.kind !== 'dict') return service;
  let result = service;
  const at = (key: string, change: (tree: Tree) => Tree): void => {
    const value = child(result, key);
    if (value !== undefined) result = withChild(result, key, change(value));
  };
  const path = (tree: Tree): Tree => mapText(tree, resolve);
  const local = (tree: Tree): Tree => mapText(tree, (text) => isRemote(text) ? text : resolve(text));
  const key = (tree: Tree): Tree => below(tree, 'ssh', (keys) => keys.kind === 'dict' ? everyChild(keys, path) : each(keys, (item) => mapText(item, (text) => {
    const equals = text.indexOf('=');
    return equals < 0 ? text : `${text.slice(0, equals + 1)}${resolve(text.slice(equals + 1))}`;
  })));
  at('build', (tree) => tree.kind === 'dict' ? key(below(tree, 'context', local)) : local(tree));
  at('env_file', (tree) => each(tree, (item) => item.kind === 'dict' ? below(item, 'path', path) : path(item)));
  at('label_file', (tree) => each(tree, path));
  at('volumes', (tree) => each(tree, (item) => item.kind === 'dict' ? bindSource(item, path) : mapText(item, (text) => {
    const [source = '', ...rest] = text.split(':');
    return rest.length > 0 && isPath(source) ? [resolve(source), ...rest].join(':') : text;
  })));
  at('develop', (tree) => below(tree, 'watch', (watch) => each(watch, (item) => below(item, 'path', path))));
  return result;
}

/** The same for all of a file: its services, and the files of secrets and configs. */
export function rebaseStack(stack: Tree, resolve: (path: string) => string): Tree {
  let result = below(stack, 'services', (services) => everyChild(services, (service) => rebaseService(below(service, 'build', withContext), resolve)));
  for (const key of ['secrets', 'configs']) {
    result = below(result, key, (all) => everyChild(all, (item) => below(item, 'file', (file) => mapText(file, resolve))));
  }
  return result;
}

/** A build without a context has the folder of its own file. */
function withContext(build: Tree): Tree {
  return build.kind === 'dict' && !build.entries.has('context') ? withChild(build, 'context', leaf('.', build.at)) : build;
}

function bindSource(mount: Dict, path: (tree: Tree) => Tree): Tree {
  const type = child(mount, 'type');
  return type?.kind === 'leaf' && type.value === 'bind' ? below(mount, 'source', path) : mount;
}

function isRemote(context: string): boolean {
  return /^[a-z]+:\/\/|^git@|^github\.com\//.test(context);
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
