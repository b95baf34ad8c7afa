import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesOf, type ContainerFiles } from '../../../src/runtime/container/bundle-files.ts';
import { ContainerRecords } from '../../../src/runtime/container/container-records.ts';
import { CONTAINER_RECORD_VERSION, type ContainerRecord } from '../../../src/runtime/container/record.ts';
import { pathsOf } from '../../../src/state/paths.ts';
import { FakeKernel } from '../../fake-kernel.ts';
import { specOf } from './container-spec.ts';

const RECORD: ContainerRecord = {
  version: CONTAINER_RECORD_VERSION, storage: 'overlay', runtime: 'bayplan', id: 'a'.repeat(64), name: 'web', identity: { owner: 'api', stack: '', service: '', slot: 0, generation: 1 }, spec: specOf(), pending: null, createdAt: 0, addresses: {}, ipv6Addresses: {}, joined: [], anonymousVolumes: {},
  error: '', errorCode: 0, mountedImages: {}, users: null, giving: null,
};

let root: string;
let kernel: FakeKernel;
let files: ContainerFiles;
let records: ContainerRecords;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bayplan-records-'));
  const paths = pathsOf(root);
  kernel = new FakeKernel();
  files = filesOf(paths, RECORD.id);
  mkdirSync(files.state, { recursive: true });
  records = new ContainerRecords(paths, kernel);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('a flush beside another ends no sooner than that', async () => {
  let synced: () => void = () => undefined;
  kernel.answers.sync = () => new Promise((resolve) => {
    synced = resolve;
  });
  records.save(RECORD, files);
  const ended: string[] = [];
  const first = records.flush().then(() => ended.push('first'));
  const second = records.flush().then(() => ended.push('second'));
  await new Promise(setImmediate);
  expect(ended).toEqual([]);
  synced();
  await Promise.all([first, second]);
  expect(ended).toEqual(['first', 'second']);
  expect(kernel.of('sync')).toHaveLength(1);
});

test('a flush after one that failed makes the same records durable', async () => {
  kernel.answers.sync = () => Promise.reject(new Error('EIO'));
  records.save(RECORD, files);
  await expect(records.flush()).rejects.toThrow('EIO');
  kernel.answers.sync = () => Promise.resolve();
  await records.flush();
  const [failed, tried] = kernel.of('sync');
  expect(tried).toEqual(failed);
  await records.flush();
  expect(kernel.of('sync')).toHaveLength(2);
});
