import { posix } from 'node:path';

interface Pattern { readonly except: boolean; readonly matches: RegExp }

/** Patterns of a `.dockerignore`, and of `ignore` and `include` below `develop.watch`: the last one that a path, or a folder above it, matches says whether it is meant; `!` takes out again. */
export class IgnorePatterns {
  readonly #patterns: readonly Pattern[];

  /** `base`: the folder that they are relative to, absolute. Throws SyntaxError for a set (`[a-`) that is none. */
  constructor(base: string, patterns: readonly string[]) {
    this.#patterns = patterns.map((text) => text.trim()).filter((text) => text !== '' && text !== '!').map((text) => {
      const except = text.startsWith('!');
      return { except, matches: regularOf(base, except ? text.slice(1).trim() : text) };
    });
  }

  /** Whether an absolute path is meant. */
  matches(path: string): boolean {
    let matched = false;
    for (const { except, matches } of this.#patterns) {
      if (except === matched && foldersTo(path).some((each) => matches.test(each))) matched = !except;
    }
    return matched;
  }

  /** Whether all below a folder is meant, whatever it is called. */
  matchesAll(folder: string): boolean {
    return this.matches(folder) && !this.#patterns.some(({ except }) => except);
  }
}

/** What a `.dockerignore` says; a line that begins with `#` says nothing. */
export function ignoreLines(text: string): readonly string[] {
  return text.replace(/^\uFEFF/, '').split('\n').filter((line) => !line.startsWith('#')).map((line) => {
    const word = line.trim();
    const [except, path] = word.startsWith('!') ? ['!', word.slice(1).trim()] : ['', word];
    return except + path.replace(/^\/+(?=.)/, ''); // `/x` is x in the folder of the file
  }).filter((line) => line !== '' && line !== '!');
}

/** The path and the folders above it. */
function foldersTo(path: string): readonly string[] {
  const all = [path];
  for (let at = posix.dirname(path); at !== '/' && at !== '.'; at = posix.dirname(at)) all.push(at);
  return all;
}

/** Docker's patterns: `*` and `?` stop at slashes, `**` does not, `[a-z]` is a set, a backslash takes the meaning away. */
function regularOf(base: string, text: string): RegExp {
  let pattern = posix.normalize(text).replace(/(?<=.)\/$/, '');
  let folder = base;
  if (pattern.startsWith('/')) folder = '/';
  for (; pattern === '..' || pattern.startsWith('../'); pattern = pattern.slice(3)) folder = posix.dirname(folder);
  pattern = pattern.replace(/^\/+/, '');
  const prefix = folder === '/' ? '/' : `${literal(folder)}/`;
  if (pattern === '' || pattern === '.') return new RegExp(`^${literal(folder)}$`, 'u');
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? '';
    if (char === '*' && pattern[at + 1] === '*') {
      at++;
      if (pattern[at + 1] === '/') at++;
      source += at + 1 >= pattern.length ? '.*' : '(?:.*/)?';
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '\\' && at + 1 < pattern.length) source += literal(pattern[++at] ?? '');
    else if (char === '[') {
      const end = endOfSet(pattern, at);
      if (end < 0) throw new SyntaxError(`pattern "${text}": the set that begins with "[" has no end`);
      source += `[${pattern.slice(at + 1, end).replace(/[[\]&~|]/g, '\\$&')}]`;
      at = end;
    } else source += literal(char);
  }
  return new RegExp(`^${prefix}${source}$`, 'su');
}

/** Where a set ends; negative: nowhere. */
function endOfSet(pattern: string, at: number): number {
  let end = at + 1;
  if (pattern[end] === '^') end++;
  if (pattern[end] === ']') end++;
  while (end < pattern.length && pattern[end] !== ']') end += pattern[end] === '\\' ? 2 : 1;
  return end < pattern.length ? end : -1;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
