import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DOWN, isDown, STACK_RECORD_VERSION, type StackRecord } from '../../src/engine/stack-record.ts';
import { StackStore } from '../../src/engine/stack-store.ts';
import { SetAsides } from '../../src/runtime/set-aside.ts';
import { desired, service } from '../plan/states.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-stacks-')); });
afterEach(() => rmSync(folder, { recursive: true }));

const SOURCE = { workingDir: '/w', files: ['/w/compose.yaml'] };
const { update: _, rollback: __, ...web } = service();
/** As the first engines wrote it. */
const FIRST = { version: 1, name: 'demo', revision: 4, source: SOURCE, desired: { ...desired({}), services: { web } } };
const path = (): string => join(folder, 'demo/desired.json');
function opened(record: object): { readonly store: StackStore; readonly asides: SetAsides } {
  mkdirSync(join(folder, 'demo'), { recursive: true });
  writeFileSync(path(), JSON.stringify(record));
  const asides = new SetAsides();
  return { store: new StackStore(folder, asides), asides };
}

test('a stack\'s record of version 1 is read as it was meant; what follows it, and what is kept of it, is of this version', async () => {
  const { store, asides } = opened(FIRST);
  expect(asides.list()).toEqual([]);
  expect(store.get('demo')).toMatchObject({ version: STACK_RECORD_VERSION, revision: 4, title: 'up', at: 0, desired: { services: { web: { update: service().update } } } });
  await store.put('demo', desired({ web: service({ user: '5' }) }), { source: SOURCE, title: 'up', at: 9, images: () => ({}) });
  const kept = (name: string): unknown => JSON.parse(readFileSync(join(folder, 'demo', name), 'utf8'));
  expect([kept('desired.json'), kept('revisions/4.json')]).toMatchObject([{ version: STACK_RECORD_VERSION, revision: 5 }, { version: STACK_RECORD_VERSION, revision: 4, images: {} }]);
  const again = new StackStore(folder);
  expect([again.get('demo')?.revision, again.former('demo').map(({ revision }) => revision)]).toEqual([5, [4]]);
});

test('one of version 2 is read as it was meant', () => {
  const { rollback, care: _care, ...former } = service();
  const { store } = opened({ ...FIRST, version: 2, at: 7, title: 'up', desired: { ...desired({}), services: { web: { ...former, update: { ...former.update, delayMs: 5 } } } } });
  expect(store.get('demo')).toMatchObject({ version: STACK_RECORD_VERSION, at: 7, desired: { services: { web: { update: { delayMs: 5 }, rollback } } } });
});

test('one of a later version is too new, whatever it has, and is not written over; one loses nothing silently', async () => {
  const { store, asides } = opened({ ...FIRST, version: STACK_RECORD_VERSION + 1, news: true });
  expect(asides.find('stack', 'demo')?.error.code).toBe('record-too-new');
  await expect(store.put('demo', desired({}), { source: SOURCE, title: 'up', at: 9, images: () => ({}) })).rejects.toMatchObject({ code: 'record-too-new' });
  expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ version: STACK_RECORD_VERSION + 1, news: true });
  for (const version of [2, STACK_RECORD_VERSION]) {
    const damaged = opened({ ...FIRST, version, at: 0, title: 'up', news: true });
    expect(damaged.asides.find('stack', 'demo')?.error).toMatchObject({ code: 'record-damaged', message: expect.stringContaining('news') });
  }
});

test('a down is one by its title, not by what is desired: an up and a down that desire the same are two', async () => {
  const store = new StackStore(folder);
  const put = async (title: string): Promise<StackRecord> => await store.put('demo', desired({}), { source: SOURCE, title, at: 9, images: () => ({}) });
  const made = [await put('up'), await put('up'), await put(DOWN), await put(DOWN), await put('rm')];
  expect(made.map((record) => [record.revision, record.title, isDown(record)])).toEqual([[1, 'up', false], [1, 'up', false], [2, 'down', true], [2, 'down', true], [3, 'rm', false]]);
  expect(new StackStore(folder).list().map(isDown)).toEqual([false]);
});
