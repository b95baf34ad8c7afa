import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { StackRecord } from '../../src/engine/stack-record.ts';
import { StackStore } from '../../src/engine/stack-store.ts';
import { SetAsides } from '../../src/runtime/set-aside.ts';
import { desired, service } from '../plan/states.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-stacks-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string): string => join(folder, 'shop', name);
const put = (store: StackStore, user: string): Promise<StackRecord> =>
  store.put('shop', desired({ web: service({ user }) }), { source: { workingDir: '/shop', files: [] }, title: 'up', at: 1, images: () => ({}) });

test('a state that takes a damaged one\'s place goes on counting, and the damaged one stays beside it', async () => {
  const first = new StackStore(folder);
  for (const user of ['1', '2', '3']) await put(first, user);
  const former = readFileSync(file('revisions/1.json'), 'utf8');
  writeFileSync(file('desired.json'), '{"vers');
  const asides = new SetAsides();
  const next = new StackStore(folder, asides);
  expect(next.get('shop')).toBeNull();
  expect(asides.has('stack')).toBe(true);
  expect((await put(next, '4')).revision).toBe(3);
  expect(asides.has('stack')).toBe(false);
  expect((await put(next, '5')).revision).toBe(4);
  expect(readFileSync(file('revisions/1.json'), 'utf8')).toBe(former);
  expect(readFileSync(file('desired.json.damaged'), 'utf8')).toBe('{"vers');
  expect(new StackStore(folder).former('shop').map(({ revision }) => revision)).toEqual([1, 2, 3]);
});

test('a damaged record whose place cannot be taken stays where it is', async () => {
  await put(new StackStore(folder), '1');
  writeFileSync(file('desired.json'), '{"vers');
  const asides = new SetAsides();
  const store = new StackStore(folder, asides);
  rmSync(file('desired.json'));
  mkdirSync(file('desired.json')); // a folder cannot be linked, nor replaced by a file
  await expect(put(store, '2')).rejects.toThrow();
  expect(existsSync(file('desired.json'))).toBe(true);
  expect(asides.has('stack')).toBe(true);
});

test('what a crash has left of records on their way is swept', async () => {
  const first = new StackStore(folder);
  for (const user of ['1', '2']) await put(first, user);
  const left = ['desired.json.1a2b3c4d.tmp', 'jobs.json.1a2b3c4d.tmp', 'revisions/2.json.1a2b3c4d.tmp'].map(file);
  for (const each of left) writeFileSync(each, '{');
  expect(new StackStore(folder).get('shop')?.revision).toBe(2);
  expect(left.filter((each) => existsSync(each))).toEqual([]);
  expect(existsSync(file('revisions/1.json'))).toBe(true);
});

test('a folder without a record is removed only where nothing else is in it', async () => {
  mkdirSync(join(folder, 'unborn'));
  writeFileSync(join(folder, 'unborn/desired.json.1a2b3c4d.tmp'), '{');
  const first = new StackStore(folder);
  expect(existsSync(join(folder, 'unborn'))).toBe(false);
  for (const user of ['1', '2', '3']) await put(first, user);
  rmSync(file('desired.json'));
  const lines: string[] = [];
  const next = new StackStore(folder, new SetAsides(), (line) => lines.push(line));
  expect(lines).toEqual([expect.stringContaining('the desired state of stack shop is missing')]);
  expect(next.former('shop').map(({ revision }) => revision)).toEqual([1, 2]);
  expect((await put(next, '4')).revision).toBe(3);
  await next.remove('shop', 3);
  expect(existsSync(join(folder, 'shop'))).toBe(false);
});

test('former revisions are read when somebody asks, and one that cannot be read is told once', async () => {
  const first = new StackStore(folder);
  for (const user of ['1', '2', '3']) await put(first, user);
  writeFileSync(file('revisions/1.json'), '{"vers');
  const lines: string[] = [];
  const next = new StackStore(folder, new SetAsides(), (line) => lines.push(line));
  expect(lines).toEqual([]);
  expect(next.formerAreWhole()).toBe(false);
  expect(next.former('shop').map(({ revision }) => revision)).toEqual([2]);
  expect(lines).toEqual([expect.stringContaining('a former revision cannot be read')]);
});
