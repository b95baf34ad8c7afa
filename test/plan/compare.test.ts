import { expect, test } from 'vitest';
import { changeText, compare } from '../../src/plan/compare.ts';

test('a change is one line that steers no terminal, whatever its names and values are', () => {
  const changes = compare('labels', { 'a\nb': '1', 'c\u001b[2J': '2' }, { 'a\nb': 'x\n\u009b31m', 'd\u0007': '2' });
  expect(changes.map(changeText)).toEqual(['labels.a\\nb: "1" → "x\\n\\x9b31m"', 'labels.c\\x1b[2J: "2" → absent', 'labels.d\\x07: absent → "2"']);
});

test('of long values the part is shown where they begin to differ', () => {
  const command = (end: string): string => `${'x'.repeat(300)}${end}${'y'.repeat(300)}`;
  expect(compare('command', command('one'), command('two')).map(changeText)).toEqual([`command: …${'x'.repeat(20)}one${'y'.repeat(77)}… → …${'x'.repeat(20)}two${'y'.repeat(77)}…`]);
  expect(compare('command', 'short', command('')).map(changeText)).toEqual([`command: "short" → "${'x'.repeat(99)}…`]);
});

test('mappings are compared key by key, all else as a whole', () => {
  expect(compare('', { a: { b: 1, c: [1, 2] } }, { a: { b: 1, c: [1] }, '[x]': 1 }).map(changeText)).toEqual(['[x]: absent → 1', 'a.c: [1,2] → [1]']);
});
