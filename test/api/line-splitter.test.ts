import { expect, test } from 'vitest';
import { LineSplitter } from '../../src/api/line-splitter.ts';

const split = (...chunks: readonly string[]): readonly (readonly [string, boolean])[] => {
  const splitter = new LineSplitter();
  return [...chunks.flatMap((chunk) => [...splitter.push(Buffer.from(chunk))]), ...splitter.flush()].map(({ data, ends }) => [data.toString(), ends]);
};

test('lines, across chunks, and what has no newline at the end', () => {
  expect(split('a\nb', 'c\n\nd')).toEqual([['a', true], ['bc', true], ['', true], ['d', true]]);
  expect(split('a\n')).toEqual([['a', true]]);
});

test('a long line comes in parts, of which only the last one ends it', () => {
  const long = 'x'.repeat(70_000);
  expect(split(long, `${long}y`, 'z\nnext\n')).toEqual([[long, false], [`${long}y`, false], ['z', true], ['next', true]]);
  expect(split(long)).toEqual([[long, false], ['', true]]);
});
