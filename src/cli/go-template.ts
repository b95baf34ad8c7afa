import { BayplanError } from '../state/bayplan-error.ts';

/** What a template prints: what JSON has, and methods (`.Label "key"`). */
export type TemplateValue = string | number | boolean | null | undefined | readonly TemplateValue[] | ((...args: readonly TemplateValue[]) => TemplateValue) | { readonly [field: string]: TemplateValue };

type Node = { readonly text: string } | { readonly print: Pipe } | { readonly verb: 'if' | 'range' | 'with'; readonly of: Pipe; readonly body: readonly Node[]; readonly other: readonly Node[] };
/** Commands, each of which gets what the one before it has come to as its last argument. */
type Pipe = readonly (readonly Operand[])[];
type Operand = { readonly value: string | number | boolean | null } | { readonly fields: readonly string[]; readonly top: boolean } | { readonly called: string } | { readonly pipe: Pipe; readonly fields: readonly string[] };

const text = (value: TemplateValue): string => shown(value, false);
const FUNCTIONS: Readonly<Record<string, (...args: readonly TemplateValue[]) => TemplateValue>> = {
  json: (value) => JSON.stringify(value ?? null), upper: (value) => text(value).toUpperCase(), lower: (value) => text(value).toLowerCase(), title: (value) => text(value).replace(/\b\p{L}/gu, (letter) => letter.toUpperCase()),
  join: (list, separator) => listOf(list).map(text).join(text(separator)), split: (value, separator) => text(value).split(text(separator)), println: (...values) => `${values.map(text).join(' ')}\n`, print: (...values) => values.map(text).join(''),
  len: (value) => (typeof value === 'string' ? Buffer.byteLength(value) : listOf(value).length), index: (value, ...keys) => keys.reduce((at, key) => fieldOf(at, text(key), true), value),
  eq: (value, ...others) => others.some((other) => other === value), ne: (value, other) => value !== other, not: (value) => !isTrue(value), and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1), or: (...values) => values.find(isTrue) ?? values.at(-1),
  truncate: (value, length) => text(value).slice(0, Number(length)), pad: (value, before, after) => `${' '.repeat(Number(before))}${text(value)}${' '.repeat(Number(after))}`,
};

/**
 * A template of Go's text/template, as far as docker's `--format` is used: fields, methods, pipelines, parentheses, `if`, `else`, `range`, `with`, comments, trimmed blanks, and docker's functions. Variables,
 * `define` and `printf` are not known. Throws BayplanError `bad-format` in one line.
 */
export function goTemplate(source: string): (data: TemplateValue) => string {
  // Each character can be taken in one way alone: what is not closed is known for that at once.
  const actions = [...source.matchAll(/\{\{(-\s)?((?:"(?:\\.|[^"\\])*"|`[^`]*`|\/\*(?:(?!\*\/)[\s\S])*\*\/|(?!\}\}|\s-\}\}|\/\*)[^"`])*)(\s-)?\}\}/g)];
  const pieces: ({ readonly text: string } | { readonly action: string })[] = [];
  let [at, trims] = [0, false];
  for (const match of [...actions, null]) {
    const plain = source.slice(at, match?.index);
    const open = plain.indexOf('{{');
    if (open >= 0) throw bad(`"${plain.slice(open, open + 20)}" is not closed by "}}"`);
    const ended = match?.[1] === undefined ? plain : plain.trimEnd();
    pieces.push({ text: trims ? ended.trimStart() : ended });
    if (match === null) break;
    pieces.push({ action: match[2]?.trim() ?? '' });
    [at, trims] = [match.index + match[0].length, match[3] !== undefined];
  }
  const rest = [...pieces];
  const nodes = block(rest, null);
  return (data) => nodes.map((node) => printed(node, data, data)).join('');
}

/** Nodes up to the `end` or `else` that belongs to what has opened the block; those stay. */
function block(rest: ({ readonly text: string } | { readonly action: string })[], opened: string | null): readonly Node[] {
  const nodes: Node[] = [];
  for (let piece = rest.shift(); piece !== undefined; piece = rest.shift()) {
    if ('text' in piece) {
      nodes.push(piece);
      continue;
    }
    const [word = ''] = piece.action.split(/\s/);
    if (word === 'end' || word === 'else') {
      if (opened === null) throw bad(`{{${piece.action}}} without an if, range or with`);
      rest.unshift(piece);
      return nodes;
    }
    if (word === 'if' || word === 'range' || word === 'with') nodes.push(branch(rest, word, piece.action.slice(word.length)));
    else if (!piece.action.startsWith('/*')) nodes.push({ print: pipeOf(piece.action) });
  }
  if (opened !== null) throw bad(`{{${opened}}} has no {{end}}`);
  return nodes;
}

function branch(rest: ({ readonly text: string } | { readonly action: string })[], verb: 'if' | 'range' | 'with', condition: string): Node {
  const body = block(rest, verb);
  const closing = rest.shift();
  const action = closing !== undefined && 'action' in closing ? closing.action : 'end';
  const again = /^else\s+(if|with)\b/.exec(action);
  if (again?.[1] === 'if' || again?.[1] === 'with') return { verb, of: pipeOf(condition), body, other: [branch(rest, again[1], action.slice(again[0].length))] };
  const other = action === 'else' ? block(rest, verb) : [];
  if (action === 'else') rest.shift();
  return { verb, of: pipeOf(condition), body, other };
}

function pipeOf(action: string): Pipe {
  const words = action.match(/"(?:\\.|[^"\\])*"|`[^`]*`|\$?(?:\.[\p{L}_][\p{L}\p{N}_]*)+|\$|\.|-?\d+(?:\.\d+)?|[\p{L}_][\p{L}\p{N}_]*|[()|]|\S/gu) ?? [];
  const rest = [...words];
  const pipe = commands(rest, action);
  if (rest.length > 0) throw bad(`{{${action}}}: "${rest[0] ?? ''}" was not expected`);
  return pipe;
}

function commands(rest: string[], action: string): Pipe {
  const pipe: Operand[][] = [[]];
  while (rest[0] !== undefined && rest[0] !== ')') {
    const word = rest.shift() ?? '';
    if (word === '|') pipe.push([]);
    else pipe.at(-1)?.push(operand(word, rest, action));
  }
  if (pipe.some((command) => command.length === 0)) throw bad(`{{${action}}}: a value is missing`);
  return pipe;
}

function operand(word: string, rest: string[], action: string): Operand {
  if (word === '(') {
    const pipe = commands(rest, action);
    if (rest.shift() !== ')') throw bad(`{{${action}}}: "(" is not closed`);
    return { pipe, fields: rest[0]?.startsWith('.') === true && rest[0] !== '.' ? fieldsOf(rest.shift() ?? '') : [] };
  }
  if (word.startsWith('"')) {
    try {
      return { value: String(JSON.parse(word)) };
    } catch {
      throw bad(`{{${action}}}: ${word} is no string`);
    }
  }
  if (word.startsWith('`')) return { value: word.slice(1, -1) };
  if (/^-?\d/.test(word)) return { value: Number(word) };
  if (word.startsWith('.') || word.startsWith('$')) return { fields: fieldsOf(word.replace('$', '')), top: word.startsWith('$') };
  if (word === 'true' || word === 'false') return { value: word === 'true' };
  if (word === 'nil') return { value: null };
  if (!Object.hasOwn(FUNCTIONS, word)) throw bad(`{{${action}}}: "${word}" is not known; there are ${Object.keys(FUNCTIONS).sort().join(', ')}`);
  return { called: word };
}

function fieldsOf(path: string): readonly string[] {
  return path.split('.').filter((name) => name !== '');
}

function printed(node: Node, data: TemplateValue, top: TemplateValue): string {
  if ('text' in node) return node.text;
  if ('print' in node) return shown(valueOf(node.print, data, top), true);
  const value = valueOf(node.of, data, top);
  const all = (nodes: readonly Node[], of: TemplateValue): string => nodes.map((each) => printed(each, of, top)).join('');
  if (!isTrue(value)) return all(node.other, data);
  if (node.verb === 'range') return listOf(value).map((each) => all(node.body, each)).join('');
  return all(node.body, node.verb === 'with' ? value : data);
}

function valueOf(pipe: Pipe, data: TemplateValue, top: TemplateValue): TemplateValue {
  let before: readonly TemplateValue[] = [];
  for (const [first, ...others] of pipe) {
    const args = [...others.map((each) => plain(each, data, top)), ...before];
    before = [first === undefined ? null : called(first, args, data, top)];
  }
  return before[0];
}

function called(first: Operand, args: readonly TemplateValue[], data: TemplateValue, top: TemplateValue): TemplateValue {
  if ('called' in first) return FUNCTIONS[first.called]?.(...args);
  const value = plain(first, data, top, true);
  if (typeof value === 'function') return value(...args);
  if (args.length > 0) throw bad('a value is not called with arguments');
  return value;
}

/** A method that stands by itself is called without arguments. */
function plain(one: Operand, data: TemplateValue, top: TemplateValue, asIs = false): TemplateValue {
  if ('value' in one) return one.value;
  if ('called' in one) return FUNCTIONS[one.called]?.();
  const from = 'pipe' in one ? valueOf(one.pipe, data, top) : one.top ? top : data;
  const value = one.fields.reduce<TemplateValue>((at, name) => fieldOf(at, name, false), from);
  return typeof value === 'function' && !asIs ? value() : value;
}

function fieldOf(value: TemplateValue, name: string, missing: boolean): TemplateValue {
  if (Array.isArray(value) && /^\d+$/.test(name)) return listOf(value)[Number(name)];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const found = Object.entries(value).find(([key]) => key === name);
    if (found !== undefined) return found[1];
    if (missing) return '';
    throw bad(`there is no field "${name}"; there are ${Object.keys(value).sort().join(', ')}`);
  }
  if (missing || value === null || value === undefined) return '';
  throw bad(`there is no field "${name}" in what is no object`);
}

function listOf(value: TemplateValue): readonly TemplateValue[] {
  return Array.isArray(value) ? value : typeof value === 'object' && value !== null ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each) : value === null || value === undefined ? [] : [value];
}

function isTrue(value: TemplateValue): boolean {
  return typeof value === 'object' && value !== null ? listOf(value).length > 0 : Boolean(value);
}

/** As Go prints it: a list in brackets, a map by its keys. */
function shown(value: TemplateValue, outermost: boolean): string {
  if (value === null || value === undefined) return outermost ? '<no value>' : '<nil>';
  if (typeof value === 'function') return shown(value(), outermost);
  if (typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `[${listOf(value).map((each) => shown(each, false)).join(' ')}]`;
  return `map[${Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => `${key}:${shown(each, false)}`).join(' ')}]`;
}

function bad(why: string): BayplanError {
  return new BayplanError('bad-format', `--format: ${why}`);
}
