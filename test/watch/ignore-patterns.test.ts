import { expect, test } from 'vitest';
import { ignoreLines, IgnorePatterns } from '../../src/watch/ignore-patterns.ts';

/** Patterns below /src, a path, and whether it is meant. */
const TABLE: readonly (readonly [patterns: readonly string[], path: string, meant: boolean])[] = [
  [['a'], '/src/a', true], [['a'], '/src/a/b/c', true], [['a'], '/src/ab', false], [['a'], '/other/a', false], [['a'], '/src/b/a', false],
  [['a/'], '/src/a/b', true], [['./a'], '/src/a', true], [['a/../b'], '/src/b', true],
  [['*.js'], '/src/x.js', true], [['*.js'], '/src/d/x.js', false], [['*/*.js'], '/src/d/x.js', true],
  [['**/*.js'], '/src/x.js', true], [['**/*.js'], '/src/d/e/x.js', true], [['**'], '/src/d/e', true], [['d/**'], '/src/d/e', true], [['d/**'], '/src/d', false],
  [['**/node_modules'], '/src/a/node_modules/b/c.js', true], [['d/**/x'], '/src/d/x', true], [['d/**/x'], '/src/d/a/b/x', true],
  [['?.js'], '/src/a.js', true], [['?.js'], '/src/ab.js', false], [['[a-c].js'], '/src/b.js', true], [['[^a-c].js'], '/src/b.js', false], [['[^a-c].js'], '/src/z.js', true],
  [['\\*.js'], '/src/*.js', true], [['\\*.js'], '/src/a.js', false], [['a.js'], '/src/a_js', false], [['a+b(c)'], '/src/a+b(c)', true], [['é*'], '/src/été', true],
  [['*', '!keep'], '/src/a', true], [['*', '!keep'], '/src/keep', false], [['*', '!keep'], '/src/keep/x', false], [['*', '!keep', 'keep/not'], '/src/keep/not', true],
  [['!a', 'a'], '/src/a', true], [['../shared'], '/shared/x', true], [['/abs'], '/abs/x', true], [['.'], '/src', true], [['a\n'], '/src/a', true],
  [[], '/src/a', false], [['', '!'], '/src/a', false],
];

test.each(TABLE)('%j on %s: %s', (patterns, path, meant) => {
  expect(new IgnorePatterns('/src', patterns).matches(path)).toBe(meant);
});

test('what the base is called means nothing', () => {
  expect(new IgnorePatterns('/s[rc]+', ['a']).matches('/s[rc]+/a')).toBe(true);
  expect(new IgnorePatterns('/', ['**/.git']).matches('/a/.git/HEAD')).toBe(true);
});

test('a folder is left out as a whole only where nothing of it is taken out again', () => {
  expect(new IgnorePatterns('/src', ['a']).matchesAll('/src/a')).toBe(true);
  expect(new IgnorePatterns('/src', ['a', '!a/b']).matchesAll('/src/a')).toBe(false);
});

test('a set without an end is told', () => {
  expect(() => new IgnorePatterns('/src', ['[a-'])).toThrow('pattern "[a-": the set that begins with "[" has no end');
});

test('lines of a .dockerignore', () => {
  expect(ignoreLines('\uFEFF# words\n\n  a  \r\n/b\n!/c\n! d\n!\n #e\n')).toEqual(['a', 'b', '!c', '!d', '#e']);
});
