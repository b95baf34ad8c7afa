import type { Tree } from './tree.ts';

/** A variable that a file uses, and what the file says of it. */
export interface Variable {
  readonly name: string;
  readonly required: boolean;
  readonly defaultValue: string;
  /** What stands in its place where it is set. */
  readonly presenceValue: string;
}

/** The variables of a tree, those in their defaults too; of two uses the later one counts. */
export function variablesOf(tree: Tree): readonly Variable[] {
  const found = new Map<string, Variable>();
  const visit = (node: Tree): void => {
    if (node.kind === 'list') node.items.forEach(visit);
    else if (node.kind === 'dict') for (const { value } of node.entries.values()) visit(value);
    else if (typeof node.value === 'string') for (const each of inText(node.value)) found.set(each.name, each);
  };
  visit(tree);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function inText(text: string): Variable[] {
  const found: Variable[] = [];
  const start = /\$(?:\$|([_a-zA-Z]\w*)|\{([_a-zA-Z]\w*)(:?[-?+])?)/g;
  for (let match = start.exec(text); match !== null; match = start.exec(text)) {
    const [, plain, braced, operator = ''] = match;
    const name = plain ?? braced;
    if (name === undefined) continue;
    const end = braced === undefined ? start.lastIndex : closing(text, start.lastIndex);
    const word = braced === undefined ? '' : text.slice(start.lastIndex, end);
    found.push({ name, required: operator.endsWith('?'), defaultValue: operator.endsWith('-') ? word : '', presenceValue: operator.endsWith('+') ? word : '' });
    if (!operator.endsWith('?')) found.push(...inText(word));
    if (braced !== undefined) start.lastIndex = end + 1;
  }
  return found;
}

/** Where the brace that is open at `from` is closed, or the end. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return text.length;
}
