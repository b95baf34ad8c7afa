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

const tried = (store: StackStore, user: string): Promise<StackRecord> =>
  store.put('shop', desired({ web: service({ user }) }), { source: { workingDir: '/shop', files: [] }, title: 'up', at: 1, images: () => ({}), trial: true });
const userOf = (record: StackRecord | null | undefined): string | undefined => record?.desired.services['web']?.template.user;

test('what nothing was made of is taken back: the state that stood before is the stack\'s again, with no number given twice', async () => {
  const store = new StackStore(folder);
  const changes: string[] = [];
  store.onChange((name) => changes.push(`${name} ${userOf(store.get(name))}`));
  await put(store, '1');
  await tried(store, '2');
  await tried(store, '3'); // took over from the one before
  expect(await store.withdraw('shop', 2)).toBe(false);
  expect(await store.withdraw('shop', 3)).toBe(true);
  expect(await store.withdraw('shop', 3)).toBe(false);
  expect([store.get('shop')?.revision, userOf(store.get('shop')), changes.at(-1)]).toEqual([1, '1', 'shop 1']);
  const again = new StackStore(folder);
  expect([again.get('shop')?.revision, userOf(again.get('shop'))]).toEqual([1, '1']);
  expect(again.former('shop')).toEqual([]);
  expect((await tried(again, '4')).revision).toBe(4); // by the next engine too
  expect(await again.withdraw('shop', 4)).toBe(true);
  expect((await tried(store, '4')).revision).toBe(4);
  expect(store.former('shop').map(({ revision }) => revision)).toEqual([1]); // not 2, which a rollback would have taken for what had run
  store.stands('shop');
  expect(await store.withdraw('shop', 4)).toBe(false);
  expect(store.get('shop')?.revision).toBe(4);
});

test('what two have asked for is taken back once it has failed for both', async () => {
  const store = new StackStore(folder);
  await put(store, '1');
  for (const _asker of [1, 2]) expect((await tried(store, '2')).revision).toBe(2);
  expect([await store.withdraw('shop', 2), store.get('shop')?.revision]).toEqual([false, 2]);
  expect([await store.withdraw('shop', 2), store.get('shop')?.revision]).toEqual([true, 1]);
});

test('what another state took over from before anything was made of it is no revision to go back to', async () => {
  const store = new StackStore(folder);
  await put(store, '1');
  await tried(store, '2');
  expect([userOf(store.get('shop')), userOf(store.standing('shop'))]).toEqual(['2', '1']);
  await tried(store, '3');
  store.stands('shop');
  expect([store.get('shop')?.revision, userOf(store.standing('shop'))]).toEqual([3, '3']);
  for (const each of [store, new StackStore(folder)]) expect(each.former('shop').map(({ revision }) => revision)).toEqual([1]);
  await tried(store, '4');
  const next = tried(store, '5');
  store.stands('shop'); // something is made of it just now
  await next;
  expect([userOf(store.standing('shop')), store.former('shop').map(({ revision }) => revision)]).toEqual(['4', [1, 3, 4]]);
});

test('a new stack that nothing was made of is forgotten; one whose record was damaged or lost, or that was to go, is not', async () => {
  const store = new StackStore(folder);
  await tried(store, '1');
  expect(await store.withdraw('shop', 1)).toBe(true);
  expect([store.get('shop'), existsSync(join(folder, 'shop')), store.list()]).toEqual([null, false, []]);
  expect((await tried(store, '1')).revision).toBe(1);
  store.stands('shop');
  await store.put('shop', desired({}), { source: { workingDir: '/shop', files: [] }, title: 'down', at: 1, images: () => ({}) });
  const { revision } = await tried(store, '2');
  expect(await store.withdraw('shop', revision)).toBe(false);
  writeFileSync(file('desired.json'), '{"vers');
  const damaged = new StackStore(folder, new SetAsides());
  const next = await tried(damaged, '3');
  expect(await damaged.withdraw('shop', next.revision)).toBe(false);
  rmSync(file('desired.json'));
  const lost = new StackStore(folder);
  expect(await lost.withdraw('shop', (await tried(lost, '4')).revision)).toBe(false);
  expect(existsSync(file('revisions'))).toBe(true);
});

test('a damaged note of the highest revision is told, and keeps no stack from being there', async () => {
  const first = new StackStore(folder);
  for (const user of ['1', '2']) await put(first, user);
  writeFileSync(file('given.json'), '{"vers');
  const lines: string[] = [];
  const next = new StackStore(folder, new SetAsides(), (line) => { lines.push(line); });
  expect([next.get('shop')?.revision, next.former('shop').map(({ revision }) => revision)]).toEqual([2, [1]]);
  expect(lines).toEqual([expect.stringContaining('given.json: this record is damaged')]);
  expect((await put(next, '3')).revision).toBe(3);
});
