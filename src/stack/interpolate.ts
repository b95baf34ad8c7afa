import type { Mistakes } from './mistake.ts';
import { mistakeAt, formatMistake } from './mistake.ts';
import { fillTemplate } from './template.ts';
import type { Lookup } from './template.ts';
import type { Entry, Tree } from './tree.ts';

/**
 * Pass 2: fills in variables, in values only, never in keys. A variable that is not set is told once to `warn`. What aliases
 * share is filled in once and stays shared.
 */
export function interpolate(tree: Tree, lookup: Lookup, mistakes: Mistakes, warn: (name: string, line: string) => void): Tree {
  const done = new Map<Tree, Tree>();
  const told = new Set<string>(); // a line is as long as the file where it is the only one
  const visit = (node: Tree): Tree => {
    if (node.kind === 'leaf' && (typeof node.value !== 'string' || !node.value.includes('$'))) return node;
    const known = done.get(node);
    if (known !== undefined) return known;
    const result = replace(node);
    done.set(node, result);
    return result;
  };
  const replace = (node: Tree): Tree => {
    if (node.kind === 'list') {
      const items = node.items.map(visit);
      return items.some((item, index) => item !== node.items[index]) ? { ...node, items } : node;
    }
    if (node.kind === 'dict') {
      let changed = false;
      const entries = new Map<string, Entry>();
      for (const [key, entry] of node.entries) {
        const value = visit(entry.value);
        changed ||= value !== entry.value;
        entries.set(key, value === entry.value ? entry : { key: entry.key, value });
      }
      return changed ? { ...node, entries } : node;
    }
    if (typeof node.value !== 'string') return node;
    const filled = fillTemplate(node.value, lookup, (name) => {
      if (told.has(name)) return;
      told.add(name);
      warn(name, formatMistake(mistakeAt(node.at, `variable ${name} is not set, '' is used`)));
    });
    if (filled.problem !== null) mistakes.addLast(node.at, filled.problem.message);
    return { ...node, value: filled.text, text: filled.text };
  };
  return visit(tree);
}
