import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ZoneFiles } from '../../../src/runtime/network/zone-files.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-zones-')); });
afterEach(() => rmSync(folder, { recursive: true }));

test('many changes at once are few writes, and all are in the file', async () => {
  const zones = new ZoneFiles(join(folder, 'zones'));
  const texts = vi.spyOn(zones.zone('one'), 'text');
  await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const name = `c${index}`;
    zones.zone('one').set(name, { names: [name], addresses: ['172.17.0.2'], ready: true });
    await zones.write('one');
    expect(readFileSync(zones.path('one'), 'utf8')).toContain(`${name} `);
  }));
  expect(texts.mock.calls.length).toBeLessThan(5);
  await zones.write('two');
  await zones.keepOnly(new Set(['one']));
  expect(readdirSync(join(folder, 'zones'))).toEqual(['one']);
  await zones.remove('one');
  expect(readdirSync(join(folder, 'zones'))).toEqual([]);
});

test('a write that fails is told to those who wait for it, and the next one goes on', async () => {
  const zones = new ZoneFiles(folder);
  vi.spyOn(zones.zone('one'), 'text').mockImplementationOnce(() => { throw new Error('broken'); });
  await expect(zones.write('one')).rejects.toThrow('broken');
  await zones.write('one');
  expect(readFileSync(zones.path('one'), 'utf8')).toBe('version 1\n');
});

test('a file that somebody else has changed is known from one that was written here, and written again', async () => {
  const zones = new ZoneFiles(join(folder, 'zones'));
  const path = zones.path('one');
  const write = async (): Promise<void> => {
    zones.zone('one').set('c', { names: ['c'], addresses: ['172.17.0.2'], ready: true });
    await zones.write('one');
  };
  expect(zones.changed('one')).toBeNull(); // never written
  await write();
  const text = readFileSync(path, 'utf8');
  const hands: readonly (readonly [string, () => void])[] = [
    ['no such file', () => rmSync(path)],
    ['no such file', () => rmSync(join(folder, 'zones'), { recursive: true })],
    ['another text', () => writeFileSync(path, text.replace('.2', '.3'))],
    ['another text', () => { writeFileSync(join(folder, 'other'), ''); renameSync(join(folder, 'other'), path); }],
    ['another text', () => { rmSync(path); mkdirSync(path); writeFileSync(join(path, 'full'), ''); }],
  ];
  for (const seen of [false, true]) {
    for (const [found, change] of hands) {
      if (seen) expect(zones.changed('one')).toBeNull();
      change();
      expect([zones.changed('one'), zones.changed('one')]).toEqual([found, found]);
      await zones.mend('one');
      expect([zones.changed('one'), readFileSync(path, 'utf8')]).toEqual([null, text]);
      await write();
    }
  }
  const writing = write();
  rmSync(path);
  expect(zones.changed('one')).toBeNull(); // about to be written
  await writing;
  await zones.remove('one');
  expect(zones.changed('one')).toBeNull();
});
