import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRecord } from '../../../src/runtime/record.ts';
import { CONTAINER_RECORD_VERSION, ContainerRecord } from '../../../src/runtime/container/record.ts';
import { specOf } from './container-spec.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-record-')); });
afterEach(() => rmSync(folder, { recursive: true }));

const { clockOffsets: _, runtime: __, ...spec } = specOf();
/** As the first engines wrote it. */
const FIRST = {
  version: 1, id: 'a'.repeat(64), name: 'web', identity: { owner: 'api', stack: '', service: '', slot: 0, generation: 1 }, spec, createdAt: 5, addresses: { a: '10.0.0.2' }, anonymousVolumes: {}, error: '',
  held: false, restarts: 0, removing: false,
};
function read(record: object): ContainerRecord {
  const path = join(folder, 'container.json');
  writeFileSync(path, JSON.stringify(record));
  return readRecord(path, ContainerRecord, CONTAINER_RECORD_VERSION);
}

test('a container\'s record of version 1 is read as it was meant, and as its own successor', () => {
  const found = read(FIRST);
  expect(found).toMatchObject({ version: CONTAINER_RECORD_VERSION, name: 'web', addresses: { a: '10.0.0.2' }, users: null, runtime: 'bayplan', storage: 'overlay', spec: { runtime: '', clockOffsets: specOf().clockOffsets } });
  expect(found).not.toHaveProperty('held');
  expect(read(found)).toEqual(found);
});

test('one of a later version is too new, whatever it has; one of this version loses nothing silently', () => {
  expect(() => read({ ...FIRST, version: CONTAINER_RECORD_VERSION + 1, news: true })).toThrowError(expect.objectContaining({ code: 'record-too-new' }));
  expect(() => read({ ...read(FIRST), news: true })).toThrowError(expect.objectContaining({ code: 'record-damaged', message: expect.stringContaining('news') }));
  expect(() => read({ ...FIRST, addresses: 7 })).toThrowError(expect.objectContaining({ code: 'record-damaged', message: expect.stringContaining('addresses') }));
});
