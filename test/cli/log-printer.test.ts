import { expect, test } from 'vitest';
import { LogPrinter } from '../../src/cli/log-printer.ts';
import type { LogLine } from '../../src/state/messages.ts';

const line = (container: string, text: string, more: Partial<LogLine> = {}): LogLine => ({ version: 1, container: `shop-${container}`, service: container, stream: 'stdout', time: 0, line: text, ...more });
const printed = (...lines: readonly LogLine[]): string => {
  const printer = new LogPrinter('shop', { colour: false, prefix: true, timestamps: false });
  return Buffer.concat(lines.map((each) => printer.line(each))).toString('latin1');
};

test('parts of a line are one line, until another container writes in between', () => {
  expect(printed(line('a', 'be', { partial: true }), line('a', 'gun'), line('a', 'next'))).toBe('a  | begun\na  | next\n');
  expect(printed(line('a', 'be', { partial: true }), line('b', 'other'), line('a', 'gun'))).toBe('a  | be\nb  | other\na  | gun\n');
});

test('what a hook of a container writes is behind an arrow', () => {
  expect(printed(line('a', 'from it'), line('a', 'of a hook', { hook: true }), line('a', 'be', { partial: true }), line('a', 'another', { hook: true }))).toBe('a  | from it\na ->  | of a hook\na  | be\na ->  | another\n');
});

test('bytes that are no text come out as they were written', () => {
  expect(printed(line('a', '\ufffd', { base64: Buffer.from([0xff, 0x41]).toString('base64') }))).toBe('a  | \xffA\n');
});

test('times are as exact as docker shows them', () => {
  const printer = new LogPrinter('shop', { colour: false, prefix: false, timestamps: true });
  expect([printer.line(line('a', 'x', { time: 1_500, nanoseconds: 42 })).toString(), printer.line(line('a', 'y', { time: 1_500 })).toString()]).toEqual(['1970-01-01T00:00:01.500000042Z x\n', '1970-01-01T00:00:01.500Z y\n']);
});
