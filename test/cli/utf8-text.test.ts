import { expect, test } from 'vitest';
import { utf8Text } from '../../src/cli/utf8-text.ts';
import { jsonText } from '../../src/stack/json-text.ts';
import { mistakesOf, projectOf } from '../stack/load-text.ts';

const file = (comment: Buffer): Buffer => Buffer.concat([Buffer.from('services:\n  web:\n    image: x # '), comment, Buffer.from('\n    user: "\ufffd"\n')]);

test('a file may have U+FFFD itself, and no bytes that are no UTF-8', () => {
  expect(projectOf(utf8Text(file(Buffer.from('\ufffd é')))).services['web']?.user).toBe('\ufffd');
  expect(mistakesOf(utf8Text(file(Buffer.concat([Buffer.from('\ufffd'), Buffer.from(' caf\u00e9', 'latin1')]))))).toEqual(['/app/compose.yaml:3:21: expected UTF-8, got bytes that are none; save the file as UTF-8']);
  expect(utf8Text(Buffer.from([0x61, 0xff, 0xef, 0xbf, 0xbd, 0x62, 0xed, 0xa0, 0x80]))).toBe('a\udfff\ufffdb\udfff\udfff\udfff');
});

test('JSON has them as docker compose writes them', () => {
  expect(jsonText(utf8Text(Buffer.from('\\caf\u00e9 \\ud800', 'latin1')))).toBe(String.raw`"\\caf\ufffd \\ud800"`);
});
