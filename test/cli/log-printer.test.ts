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

test('bytes that are no text come out as they were written', () => {
  expect(printed(line('a', '\ufffd', { base64: Buffer.from([0xff, 0x41]).toString('base64') }))).toBe('a  | \xffA\n');
});
