import type { Mistakes } from './mistake.ts';
import { SourceText } from './source-text.ts';
import { fillTemplate } from './template.ts';
import type { Lookup } from './template.ts';

/** `raw`: `KEY=value` lines taken as they are, no quotes, no comments at the end, no variables. */
export type EnvFormat = 'compose' | 'raw';

export interface EnvOptions {
  readonly format?: EnvFormat;
  /** A value without a name, as `=====` is, counts for nothing; else it is a mistake: no process can have it. */
  readonly nameless?: boolean;
  /** What earlier files said; asked last. */
  readonly earlier?: Lookup;
}

/**
 * Reads an env file as the Compose Specification says (`env_file`), and docker compose reads it: `KEY=v`, `export KEY=v`, `KEY: v`, a bare `KEY` that is
 * inherited from `lookup` (left out where that has none), quotes that may span lines and after which a line goes on. A comment begins at the start of a line, and after a
 * blank that follows a value: in `KEY= # c` it is the value. Variables come from `lookup` first, then from earlier lines, then from `earlier`. Mistakes stand at their line of this file.
 */
export function parseEnvFile(file: string, text: string, lookup: Lookup, mistakes: Mistakes, { format = 'compose', earlier = () => undefined, nameless = false }: EnvOptions = {}): Map<string, string> {
  const source = new SourceText(file, text);
  const nul = text.indexOf('\0');
  if (nul >= 0) {
    mistakes.add({ source, offset: nul }, 'expected text, got a NUL byte');
    return new Map();
  }
  return format === 'raw' ? rawLines(source, lookup, mistakes) : new EnvReader(source, lookup, earlier, mistakes, nameless).read();
}

function rawLines(source: SourceText, lookup: Lookup, mistakes: Mistakes): Map<string, string> {
  const found = new Map<string, string>();
  let offset = 0;
  for (const line of source.text.split('\n')) {
    const at = offset;
    offset += line.length + 1;
    const content = line.replace(/^\uFEFF/, '').replace(/\r$/, '');
    if (content.trim() === '' || content.trimStart().startsWith('#')) continue;
    const equals = content.indexOf('=');
    const key = (equals < 0 ? content : content.slice(0, equals)).trimStart();
    if (key === '' || /\s/.test(key)) {
      mistakes.add({ source, offset: at }, `expected KEY=value, got ${JSON.stringify(content.slice(0, 60))}`);
      continue;
    }
    const value = equals < 0 ? lookup(key) : content.slice(equals + 1);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}

/** Blanks that do not end a line. */
const BLANKS = /[\t\v\f\r \x85\xA0]*/y;

class EnvReader {
  readonly #source: SourceText;
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #earlier: Lookup;
  readonly #mistakes: Mistakes;
  readonly #nameless: boolean;
  readonly #found = new Map<string, string>();
  #at = 0;

  constructor(source: SourceText, lookup: Lookup, earlier: Lookup, mistakes: Mistakes, nameless: boolean) {
    this.#nameless = nameless;
    this.#source = source;
    this.#text = source.text;
    this.#mistakes = mistakes;
    this.#lookup = lookup;
    this.#earlier = earlier;
  }

  read(): Map<string, string> {
    if (this.#text.startsWith('\uFEFF')) this.#at = 1;
    for (;;) {
      this.#skip(/[\s\x85]*/y);
      if (this.#at >= this.#text.length) return this.#found;
      if (this.#text[this.#at] === '#') this.#skip(/[^\n]*/y);
      else this.#statement();
    }
  }

  #statement(): void {
    const start = this.#at;
    this.#skip(/export[\t\f\r ]+/y);
    const key = this.#skip(/[\p{L}\p{N}_.\-[\]\t\v\f\r \x85\xA0]*/uy).trim();
    const next = this.#text[this.#at];
    const isAssigned = next === '=' || next === ':';
    if (key.includes(' ') || key === '' && !isAssigned || next !== undefined && next !== '\n' && !isAssigned) {
      const rest = this.#skip(/[^\n]*/y);
      if (this.#nameless && key !== '' && next === undefined && rest === '') return;
      this.#mistakes.add({ source: this.#source, offset: start }, `expected KEY=value, got ${JSON.stringify(this.#text.slice(start, this.#at).trimEnd().slice(0, 60))}`);
      return;
    }
    if (key === '__proto__') {
      this.#skip(/[^\n]*/y);
      this.#mistakes.add({ source: this.#source, offset: start }, 'key "__proto__" cannot be used; choose another name');
      return;
    }
    if (!isAssigned) {
      const inherited = this.#lookup(key) ?? this.#earlier(key);
      if (inherited !== undefined) this.#found.set(key, inherited);
      return;
    }
    this.#at++;
    this.#skip(BLANKS);
    const value = this.#value();
    if (key === '') {
      if (!this.#nameless) this.#mistakes.add({ source: this.#source, offset: start }, `expected KEY=value, got ${JSON.stringify(this.#text.slice(start, this.#at).trimEnd().slice(0, 60))}`);
    } else if (value !== null) this.#found.set(key, value);
  }

  /** What comes after a closing quote is read as what comes next. */
  #value(): string | null {
    const start = this.#at;
    const quote = this.#text[start];
    if (quote !== '"' && quote !== "'") {
      const line = this.#skip(/[^\n]*/y);
      const comment = line.indexOf(' #');
      return this.#fill((comment < 0 ? line : line.slice(0, comment)).replace(/[\s\x85]+$/, ''), start);
    }
    const end = closingQuote(this.#text, start);
    if (end < 0) {
      this.#mistakes.add({ source: this.#source, offset: start }, `expected a closing ${quote}, got the end of the file`);
      this.#at = this.#text.length;
      return null;
    }
    const inside = this.#text.slice(start + 1, end);
    this.#at = end + 1;
    return quote === "'" ? inside.replaceAll("\\'", "'") : this.#fill(unescape(inside), start);
  }

  #fill(value: string, offset: number): string | null {
    const lookup = (name: string): string | undefined => this.#lookup(name) ?? this.#found.get(name) ?? this.#earlier(name);
    const filled = fillTemplate(value, lookup, () => undefined);
    if (filled.problem === null) return filled.text;
    this.#mistakes.add({ source: this.#source, offset }, filled.problem.message);
    return null;
  }

  /** Moves over what the sticky pattern matches here, and returns it. */
  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += match.length;
    return match;
  }
}

function closingQuote(text: string, start: number): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at;
  }
  return -1;
}

const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"', $: '$$' };

/** Escapes inside double quotes; `\0123` is octal, of three digits; an unknown one stays as it is, `\$` is a dollar sign for the template. */
function unescape(text: string): string {
  return text.replace(/\\(?:0(\d{0,3})|([\s\S]))/g, (whole, octal: string | undefined, letter: string | undefined) => {
    if (octal === undefined) return escapes[letter ?? ''] ?? whole;
    if (octal === '') return '\\';
    return /^[0-3][0-7]{2}$/.test(octal) ? String.fromCharCode(Number.parseInt(octal, 8)) : `\\${octal}`;
  });
}
