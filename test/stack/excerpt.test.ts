import { describe, expect, test } from 'vitest';
import { describeMistake, type Mistake } from '../../src/stack/index.ts';
import { loadText } from './load-text.ts';

const of = (excerpt: string, caret: number): Mistake => ({ file: 'c.yaml', line: 12, column: caret, message: 'wrong', excerpt, caret });
const lines = (mistake: Mistake, width: number): readonly string[] => describeMistake(mistake, width).split('\n').slice(1);

describe('the line of a mistake', () => {
  test('has a caret under the place', () => {
    expect(describeMistake(of('  ports: 5', 10), 80)).toBe('c.yaml:12:10: wrong\n  12 |   ports: 5\n     |          ^');
  });
  test('is as wide as the terminal at most', () => {
    for (const caret of [1, 40, 150, 199, 200]) {
      const [quoted = '', pointer = ''] = lines(of('0123456789'.repeat(20), caret), 60);
      expect(quoted.length).toBeLessThanOrEqual(60);
      expect(pointer.length).toBeLessThanOrEqual(60);
      expect(quoted[pointer.length - 1]).toBe(String((caret - 1) % 10)); // the very character it is about
    }
  });
  test('has its place also past the end, in an empty line and behind wide characters', () => {
    expect(lines(of('a: ', 4), 80)).toEqual(['  12 | a: ', '     |    ^']);
    expect(lines(of('', 1), 80)).toEqual(['  12 |', '     | ^']);
    expect(lines(of('名: x', 4), 80)).toEqual(['  12 | 名: x', '     |     ^']);
  });
  test('steers no terminal', () => {
    expect(lines(of('a\u001b[2J: \u202ex\tb', 9), 80)).toEqual(['  12 | a<001B>[2J: <202E>x b', '     |                    ^'].map((line, index) => (index === 0 ? line : `     | ${' '.repeat(18)}^`)));
  });
  test('is the part around the place where a line is long', () => {
    const [mistake] = loadText(`services: {web: {image: x, labels: {a: ${'y'.repeat(5000)}}, prots: []}}`).mistakes;
    expect(mistake?.message).toContain('prots');
    const [quoted = '', pointer = ''] = lines(mistake ?? of('', 1), 80);
    expect(quoted.slice(pointer.length - 1)).toBe('prots: []}}');
  });
});
