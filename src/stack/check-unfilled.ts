import { Mistakes } from './mistake.ts';
import { stackSchema } from './schema.ts';
import type { Place } from './source-text.ts';
import type { Tree } from './tree.ts';

/** Checks a stack whose variables are not filled in by the schema. What is wrong with a text that has a variable in it may be right once it is filled in, and counts for nothing. */
export function checkUnfilled(tree: Tree, mistakes: Mistakes): void {
  const entries = tree.kind === 'dict' ? new Map([...tree.entries].filter(([key]) => !key.startsWith('x-'))) : new Map();
  const found = new FirmMistakes(placesOfVariables(tree));
  stackSchema.read(tree.kind === 'dict' ? { ...tree, entries } : tree, { mistakes: found, resolve: (path) => path, resolveLink: (path) => path, ports: { left: Number.POSITIVE_INFINITY } }, '');
  mistakes.addAll(found);
}

class FirmMistakes extends Mistakes {
  readonly #unfilled: ReadonlySet<string>;

  constructor(unfilled: ReadonlySet<string>) {
    super();
    this.#unfilled = unfilled;
  }

  override add(place: Place, message: string): void {
    if (!this.#unfilled.has(keyOf(place))) super.add(place, message);
  }

  override addLast(place: Place, message: string): void {
    if (!this.#unfilled.has(keyOf(place))) super.addLast(place, message);
  }
}

function placesOfVariables(tree: Tree): ReadonlySet<string> {
  const found = new Set<string>();
  const look = (node: Tree): void => {
    if (node.kind === 'list') node.items.forEach(look);
    else if (node.kind === 'dict') for (const { value } of node.entries.values()) look(value);
    else if (typeof node.value === 'string' && node.value.includes('$')) found.add(keyOf(node.at));
  };
  look(tree);
  return found;
}

function keyOf(place: Place): string {
  return `${place.source.file}:${String(place.offset)}`;
}
