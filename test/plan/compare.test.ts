import { expect, test } from 'vitest';
import { changeText, compare } from '../../src/plan/compare.ts';

test('a change is one line that steers no terminal, whatever its names and values are', () => {
  const changes = compare('labels', { 'a\nb': '1', 'c\u001b[2J': '2' }, { 'a\nb': 'x\n\u009b31m', 'd\u0007': '2' });
  expect(changes.map(changeText)).toEqual(['labels.a\\nb: "1" → "x\\n\\x9b31m"', 'labels.c\\x1b[2J: "2" → absent', 'labels.d\\x07: absent → "2"']);
});

test('mappings are compared key by key, all else as a whole', () => {
  expect(compare('', { a: { b: 1, c: [1, 2] } }, { a: { b: 1, c: [1] }, '[x]': 1 }).map(changeText)).toEqual(['[x]: absent → 1', 'a.c: [1,2] → [1]']);
});
