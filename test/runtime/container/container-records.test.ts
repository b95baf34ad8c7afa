import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesOf, type ContainerFiles } from '../../../src/runtime/container/bundle-files.ts';
import { ContainerRecords, readLatest } from '../../../src/runtime/container/container-records.ts';
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
const reports: string[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bayplan-records-'));
  const paths = pathsOf(root);
  kernel = new FakeKernel();
  files = { ...filesOf(paths, RECORD.id), bundle: join(root, 'bundle') };
  mkdirSync(files.state, { recursive: true });
  records = new ContainerRecords({ paths, kernel, report: (message) => reports.push(message) });
  reports.length = 0;
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

test('what stands beside a record is made durable with it, and a container\'s own end by itself', async () => {
  records.noted(files, false);
  await records.flush();
  expect(kernel.of('sync').at(-1)?.[0]).toEqual([files.fresh, files.exit, files.state, pathsOf(root).containers]);
  records.noted(files, true);
  records.noted(files, true);
  await expect.poll(() => kernel.of('sync').length).toBe(2);
  kernel.answers.sync = () => Promise.reject(new Error('EIO'));
  records.noted(files, true);
  await expect.poll(() => reports).toEqual(['records of containers: EIO']);
  records.close();
});

describe('a record that a power cut has left without what it holds', () => {
  const read = (): string => readLatest(files, 'do that').name;
  const cutOff = (): void => writeFileSync(files.fresh, '');

  test('is as it was before', async () => {
    records.save(RECORD, files);
    expect([read(), existsSync(files.record)]).toEqual(['web', false]);
    await records.flush();
    expect([read(), existsSync(files.record), existsSync(files.fresh)]).toEqual(['web', true, false]);
    records.save({ ...RECORD, name: 'other' }, files);
    expect(read()).toBe('other');
    cutOff();
    expect([read(), existsSync(files.fresh)]).toEqual(['web', false]);
  });

  test('was none where it is the first', () => {
    cutOff();
    expect(read).toThrow('ENOENT');
  });

  test('is damaged where the machine has not booted since', () => {
    cutOff();
    mkdirSync(files.bundle, { recursive: true });
    expect(read).toThrow('this record is damaged (it is empty); do that');
  });

  test('does not take the name while a later one is on its way', async () => {
    let synced: () => void = () => undefined;
    kernel.answers.sync = () => new Promise((resolve) => {
      synced = resolve;
    });
    records.save(RECORD, files);
    const flushed = records.flush();
    await new Promise(setImmediate);
    records.save({ ...RECORD, name: 'later' }, files);
    synced();
    await flushed;
    expect([existsSync(files.record), existsSync(files.fresh)]).toEqual([false, true]);
  });
});

test('of a container that is gone nothing is made durable', async () => {
  records.save(RECORD, files);
  records.noted(files, false);
  records.forget(files);
  await records.flush();
  expect(kernel.of('sync')).toEqual([]);
});
