import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { readRecord, writeRecord } from '../../src/runtime/record.ts';

const Sample = z.strictObject({ version: z.literal(2), name: z.string() });
let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-record-')); });
afterEach(() => rmSync(folder, { recursive: true }));

test('a record is read as it was written, and nothing else is left beside it', async () => {
  const path = join(folder, 'a.json');
  await writeRecord(path, { version: 2, name: 'first' });
  await writeRecord(path, { version: 2, name: 'second' });
  expect(readRecord(path, Sample, 2)).toEqual({ version: 2, name: 'second' });
  expect(readdirSync(folder)).toEqual(['a.json']);
});

test('a newer record is refused, naming both versions', () => {
  const path = join(folder, 'a.json');
  writeFileSync(path, '{"version":3,"title":"x"}');
  expect(() => readRecord(path, Sample, 2)).toThrowError(expect.objectContaining({ code: 'record-too-new', message: expect.stringContaining('version 3') }));
});

test.each(['{', '[]', '{"version":2}', '{"version":2,"name":7}'])('a damaged record is refused: %s', (text) => {
  const path = join(folder, 'a.json');
  writeFileSync(path, text);
  expect(() => readRecord(path, Sample, 2)).toThrowError(expect.objectContaining({ code: 'record-damaged' }));
});

test('where the folder is missing nothing is made', async () => {
  await expect(writeRecord(join(folder, 'no', 'a.json'), { version: 2 })).rejects.toMatchObject({ code: 'ENOENT' });
});
