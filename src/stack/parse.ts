import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { Document, Node, Scalar as YamlScalar, YAMLMap } from 'yaml';
import type { Mistakes } from './mistake.ts';
import { suggest } from './nearest.ts';
import { SourceText } from './source-text.ts';
import type { Place } from './source-text.ts';
import { plainScalar } from './scalar.ts';
import { cutQuote, withIndentedQuote } from './quotes.ts';
import { withoutTabs } from './tabs.ts';
import { describe, dict, leaf } from './tree.ts';
import type { Entry, Scalar, Tag, Tree } from './tree.ts';

/** How many nodes aliases may stand for in one file: what stops a "billion laughs" file. */
const aliasBudget = 200_000;

const nestedTooDeeply = 'nested too deeply to be a stack file';

/** How long a file may be: ten thousand services. */
const mostText = 5 * 2 ** 20;

/** How deep a file may be nested. All passes walk it by recursion, so this has to be well within the stack. */
const deepest = 200;

const coreTag = 'tag:yaml.org,2002:';

/** What YAML takes in no place; half of a surrogate pair is what bytes that are no UTF-8 were read as. */
const noText = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

function isHalf(char: string): boolean {
  return char >= '\ud800' && char <= '\udfff';
}

function characterName(char: string): string {
  if (char === '\0') return 'a NUL byte';
  return isHalf(char) ? 'bytes that are none; save the file as UTF-8' : `the control character U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * Pass 1: YAML text to trees, one for each document of the file; an empty document is left out. Anchors,
 * aliases and merge keys (`<<`) are resolved here: what came through one keeps the position of where it was written.
 */
export function parseFile(file: string, text: string, mistakes: Mistakes): readonly Tree[] {
  const source = new SourceText(file, text);
  if (text.length > mostText) {
    mistakes.addFile(file, `expected a stack file, got ${String(Math.round(text.length / 2 ** 20))} MiB; one may have ${String(mostText / 2 ** 20)}`);
    return [];
  }
  const wrong = noText.exec(text);
  if (wrong !== null) {
    mistakes.add({ source, offset: wrong.index }, `expected ${isHalf(wrong[0]) ? 'UTF-8' : 'text'}, got ${characterName(wrong[0])}`);
    return [];
  }
  const bracket = tooManyBrackets(text);
  if (bracket >= 0) {
    mistakes.add({ source, offset: bracket }, nestedTooDeeply);
    return [];
  }
  try {
    return documents(source, mistakes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    mistakes.addFile(file, nestedTooDeeply);
    return [];
  }
}

/** Where more brackets are open than any file has a use for, even if some of them stand in text; -1: nowhere. It saves the parser the trouble. */
function tooManyBrackets(text: string): number {
  let open = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x5b || code === 0x7b) {
      if (++open > 10 * deepest) return at;
    } else if ((code === 0x5d || code === 0x7d) && open > 0) open--;
  }
  return -1;
}

/** `repairs`: how many characters may be read again for texts in quotes that are indented too little. */
function documents(source: SourceText, mistakes: Mistakes, repairs = 2 ** 20): Tree[] {
  // Duplicate keys are found below, in linear time; merge keys and what plain scalars mean too.
  const { text, wrong } = withoutTabs(source.text);
  // The first ones tell; an editor finds the others.
  for (const offset of wrong.slice(0, 20)) mistakes.addLast({ source, offset }, 'expected spaces for indentation, got a tab; YAML takes no tabs there');
  if (wrong.length > 0) return [];
  const parsed = parseAllDocuments(text, { version: '1.2', schema: 'failsafe', uniqueKeys: false, merge: false, prettyErrors: false, logLevel: 'silent' });
  const indented = repairs < 0 ? null : parsed.flatMap((document) => document.errors.filter(({ message }) => /^Missing closing ["']quote/.test(message)).slice(0, 1)
    .map(({ pos: [end] }) => withIndentedQuote(text, cutQuote(document, end)))).find((each) => each !== null) ?? null;
  if (indented !== null) return documents(new SourceText(source.file, indented), mistakes, repairs - indented.length);
  const trees: Tree[] = [];
  for (const document of parsed) {
    const lines = new Set<number>();
    // The parser reports the end of its stack as it does an error of the text, and what follows from it too.
    const overflow = document.errors.find(({ message }) => /call stack/i.test(message));
    if (overflow !== undefined) {
      mistakes.add({ source, offset: overflow.pos[0] }, nestedTooDeeply);
      break;
    }
    for (const error of document.errors) {
      const quote = /^Missing closing ["']quote/.test(error.message) ? cutQuote(document, error.pos[0]) : -1;
      const place = { source, offset: quote >= 0 ? quote : error.pos[0] };
      const { line } = source.locate(place.offset);
      if (!lines.has(line)) mistakes.add(place, syntaxMessage(error.code, error.message, source.text, place.offset));
      lines.add(line);
      // The parser has lost its place: what it says of the rest follows from this.
      if (error.code === 'UNEXPECTED_TOKEN' || quote >= 0) return trees;
    }
    if (document.errors.length > 0) continue;
    for (const wrong of wrongDirectives(document, source)) mistakes.add(...wrong);
    if (document.contents === null) continue;
    const builder = new Builder(source, mistakes);
    const tree = builder.build(document.contents);
    if (builder.tooDeep) continue; // what is missing would only give further mistakes
    if (tree.kind !== 'leaf' || tree.value !== null) trees.push(tree);
    else if (parsed.length > 1) mistakes.add({ source, offset: Math.min(document.range[0], source.text.length - 1) }, 'expected a mapping, got an empty document; take out the "---" that stands alone');
  }
  return trees;
}

/** Lines before a document that docker compose's parser does not take: of `%YAML` it knows 1.1 alone. */
function wrongDirectives({ directives: { yaml }, warnings }: Document.Parsed, source: SourceText): (readonly [Place, string])[] {
  const version = yaml.explicit === true ? /^%YAML[ \t]+(?!1\.1\s)(\S+)/m.exec(source.text) : null;
  return [
    ...(version === null ? [] : [[{ source, offset: version.index }, `expected %YAML 1.1, got ${version[1] ?? ''}; take the line out`] as const]),
    ...warnings.flatMap(({ message, pos: [offset] }) => (message.startsWith('Unknown directive') ? [[{ source, offset }, 'expected %YAML or %TAG, got another directive; take the line out'] as const] : [])),
  ];
}

function syntaxMessage(code: string, message: string, text: string, offset: number): string {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const indent = /^[ \t]*/.exec(text.slice(lineStart))?.[0] ?? '';
  if (code === 'TAB_AS_INDENT' || indent.includes('\t')) return 'expected spaces for indentation, got a tab; YAML takes no tabs there';
  const line = message.split('\n')[0] ?? message;
  const written = text.slice(lineStart).split('\n', 1)[0] ?? '';
  if (/^(<<<<<<<|=======|>>>>>>>)( |$)/.test(written)) return 'expected a stack file, got the marks of two versions of it that git could not merge; settle which one it is';
  if (/^\s*\/\//.test(written)) return 'expected KEY: value, got "//"; a comment begins with "#"';
  if (/^\s*build: +[^\s{[]/.test(written) && line.startsWith('Nested mappings')) return 'expected either a folder behind "build:" or keys below it, got both; write the folder as a key too, context: FOLDER';
  const known = syntaxHints.find(([pattern]) => pattern.test(line));
  if (known !== undefined) return line.replace(known[0], known[1]);
  return `not valid YAML: ${line.charAt(0).toLowerCase()}${line.slice(1)}; check the quotes and the indentation of this line and the one above`;
}

/** What the parser says, and what it means to somebody who wrote the file. */
const syntaxHints: readonly (readonly [RegExp, string])[] = [
  [/^All mapping items must start at the same column.*/, 'expected the indentation of the keys above, got another one; give keys that belong together the same number of spaces'],
  [/^Nested mappings are not allowed in compact mappings.*/, 'expected one key in a line, got a second ": "; quote a value that has one in it, or check the indentation of the next line'],
  [/^Implicit (map )?keys need to be.*/, 'expected KEY: value, got a line without a colon; quote or indent a text of several lines'],
  [/^Missing closing (["']).*/, 'expected a closing $1 for the one that opens here, got the end of the file; close it where the text ends'],
  [/^Flow (sequence|map) in block collection must be sufficiently indented and end with a (.).*/, 'expected "$2", got something else; close the bracket, and indent what is in it'],
  [/^Plain value cannot start with (?:reserved|directive indicator|block scalar indicator|flow indicator|collection indicator|character) ?(?:character )?(.).*/, 'expected quotes around a value that begins with "$1"; write "$1…" in quotes'],
  [/^Alias cannot be an empty string.*/, 'expected quotes around a value that begins with "*"; write "*…" in quotes'],
  [/^Unexpected flow-(?:map|seq)-start at node end.*/, 'expected "," or a closing bracket, got a bracket that opens; quote a value that has brackets in it: "${NAME}"'],
  [/^Unexpected block-seq-ind on same line with key.*/, 'expected a list on lines of its own, got "-" behind the key; begin a new line for each item, or write [A, B]'],
  [/^Invalid escape sequence (\\.).*/, 'expected an escape that YAML knows, got "$1"; between double quotes a "\\" begins one: write single quotes, or "/" in a path'],
  [/^Unexpected scalar at node end.*/, 'expected the end of the line, got more text; quote the whole value'],
  [/^A collection cannot be both a mapping and a sequence.*/, 'expected either KEY: value or "- " items, got both; check the indentation'],
  [/^Unexpected (?:flow-seq-end|flow-map-end) token in YAML (?:stream|document): "(.)".*/, 'expected no "$1" here; it closes nothing'],
];

class Builder {
  readonly #source: SourceText;
  readonly #mistakes: Mistakes;
  /** By anchor; null while its node is being built. */
  readonly #anchors = new Map<string, { tree: Tree; size: number } | null>();
  #built = 0;
  #aliased = 0;
  #spent = false;
  #depth = 0;
  /** Something was left out, and named as a mistake. */
  tooDeep = false;

  constructor(source: SourceText, mistakes: Mistakes) {
    this.#source = source;
    this.#mistakes = mistakes;
  }

  build(node: unknown): Tree {
    if (isAlias(node)) return this.#alias(node.source, this.#place(node));
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return leaf(null, { source: this.#source, offset: 0 });
    if (this.#depth === deepest) {
      if (!this.tooDeep) this.#mistakes.addLast(this.#place(node), nestedTooDeeply);
      this.tooDeep = true;
      return leaf(null, this.#place(node));
    }
    const before = this.#built + this.#aliased;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, null);
    this.#depth++;
    const tree = this.#node(node);
    this.#depth--;
    this.#built++;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, { tree, size: this.#built + this.#aliased - before });
    return tree;
  }

  #node(node: Node): Tree {
    const at = this.#place(node);
    const tag = this.#tag(node, at);
    if (isMap(node)) return { kind: 'dict', entries: this.#entries(node), at, tag };
    if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => this.build(item)), at, tag };
    if (!isScalar(node)) return leaf(null, at);
    const text = textOfScalar(node, this.#source.text);
    const value = scalarOf(node, text);
    if (text.includes('\0')) this.#mistakes.add(at, 'expected text, got a NUL byte');
    return { kind: 'leaf', value, text: typeof value === 'string' ? value : text, at, tag };
  }

  #entries(map: YAMLMap): Map<string, Entry> {
    const own = new Map<string, Entry>();
    const merged: { at: Place; value: Tree }[] = [];
    for (const pair of map.items) {
      const key = this.build(pair.key);
      const value = pair.value === null ? leaf(null, key.at) : this.build(pair.value);
      if (isMergeKey(pair.key)) {
        if (merged.length > 0) this.#mistakes.add(key.at, 'key "<<" is already there; give it a list: <<: [*a, *b]');
        merged.push({ at: key.at, value });
      } else if (key.kind !== 'leaf' || typeof key.value !== 'string') {
        this.#mistakes.add(key.at, `expected a string as key, got ${describe(key)}${key.kind === 'leaf' && key.text !== '' ? `; write "${key.text}"` : ''}`);
      } else if (key.value === '__proto__') {
        this.#mistakes.add(key.at, 'key "__proto__" cannot be used; choose another name');
      } else if (own.has(key.value)) {
        const first = own.get(key.value)?.key.source.locate(own.get(key.value)?.key.offset ?? 0).line ?? 0;
        this.#mistakes.add(key.at, `key "${key.value}" is already there, at line ${String(first)}; keep one`);
      } else {
        own.set(key.value, { key: key.at, value });
      }
    }
    return merged.length === 0 ? own : this.#merge(merged, own);
  }

  /** `<<: *a` and `<<: [*a, *b]`: own keys win, then the earlier mapping. */
  #merge(merged: readonly { at: Place; value: Tree }[], own: Map<string, Entry>): Map<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const { at, value } of merged) {
      for (const base of value.kind === 'list' ? value.items : [value]) {
        if (base.kind !== 'dict') this.#mistakes.add(at, `expected a mapping or a list of mappings to merge with "<<", got ${describe(base)}; the anchor has to stand at a mapping`);
        else for (const [key, entry] of base.entries) if (!entries.has(key)) entries.set(key, entry);
      }
    }
    for (const [key, entry] of own) entries.set(key, entry);
    return entries;
  }

  #alias(name: string, at: Place): Tree {
    const target = this.#anchors.get(name);
    if (target === undefined) this.#mistakes.add(at, `alias "*${name}" has no anchor "&${name}" before it; define it above, or quote the value`);
    else if (target === null) this.#mistakes.add(at, `alias "*${name}" stands inside its own anchor`);
    else if (this.#aliased + target.size > aliasBudget) {
      if (!this.#spent) this.#mistakes.add(at, `aliases stand for more than ${String(aliasBudget)} values; write them out or use fewer`);
      this.#spent = true;
    } else {
      this.#aliased += target.size;
      return target.tree;
    }
    return dict(new Map(), at);
  }

  #tag(node: Node, at: Place): Tag {
    const tag = node.tag ?? '';
    if (tag === '!reset') return 'reset';
    if (tag === '!override') return 'override';
    // Others mean nothing here, as to docker compose, unless they are these two misspelt.
    const near = tag.startsWith(coreTag) ? '' : suggest(tag, ['!reset', '!override']);
    if (near !== '') this.#mistakes.add(at, `unknown YAML tag ${tag}${near}`);
    return null;
  }

  #place(node: Node): Place {
    return { source: this.#source, offset: node.range?.[0] ?? 0 };
  }
}

/** `<<`; the parser has a symbol for it where a tag says so. */
function isMergeKey(node: unknown): boolean {
  if (!isScalar(node)) return false;
  return typeof node.value === 'symbol' || (node.value === '<<' && node.type === 'PLAIN' && node.tag === undefined);
}

/** A block at the end of a file has no line break after it where the file has none. */
function textOfScalar(node: YamlScalar, source: string): string {
  const { value, type, range } = node;
  if (typeof value !== 'string') return '';
  const atEnd = (type === 'BLOCK_LITERAL' || type === 'BLOCK_FOLDED') && (range?.[1] ?? 0) >= source.length && !source.endsWith('\n');
  return atEnd && value.endsWith('\n') ? value.slice(0, -1) : value;
}

/** Only plain scalars can be anything but text, and only where no tag says that they are text. */
function scalarOf(node: { readonly type?: unknown; readonly tag?: string }, text: string): Scalar {
  const tag = node.tag ?? '';
  if (tag === '') return node.type === 'PLAIN' || text === '' && node.type === undefined ? plainScalar(text) : text;
  return tag.startsWith(coreTag) && tag !== `${coreTag}str` ? plainScalar(text) : text;
}
