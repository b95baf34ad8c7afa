import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createVolumes } from '../../src/runtime/volume/volume-store.ts';
import type { Volumes } from '../../src/runtime/volume/volumes.ts';
import { pathsOf } from '../../src/state/paths.ts';
import type { VolumeSpec } from '../../src/state/volume.ts';

const core = new URL('../../build/bayplan-core', import.meta.url).pathname;
let root = '';
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'bayplan-volumes-')); });
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (): Promise<Volumes> => createVolumes({ paths: pathsOf(root), now: () => 1234, core, users: () => [] });
const spec: VolumeSpec = { driver: 'local', external: false, driverOpts: {}, labels: { a: '1', b: '2' } };

describe('records', () => {
  test('a volume is there for the next engine, and gone when removed', async () => {
    const volumes = await open();
    await volumes.create('shop_orders', 'shop', spec);
    const mountpoint = join(root, 'volumes/shop_orders/_data');
    expect(volumes.mountpoint('shop_orders')).toBe(mountpoint);
    writeFileSync(join(mountpoint, 'kept'), '');
    const next = await open();
    expect([...next.list()]).toEqual([['shop_orders', { stack: 'shop', spec, status: { mountpoint, createdAt: 1234 } }]]);
    expect(readdirSync(mountpoint)).toEqual(['kept']);
    await next.remove('shop_orders');
    await next.remove('shop_orders');
    expect(readdirSync(join(root, 'volumes'))).toEqual([]);
    expect(() => next.mountpoint('shop_orders')).toThrow(/does not exist/);
  });

  test('again is fine, differently is a conflict', async () => {
    const volumes = await open();
    await volumes.create('v', 's', spec);
    await volumes.create('v', 's', { ...spec, labels: { b: '2', a: '1' } });
    await expect(volumes.create('v', 's', { ...spec, labels: {} })).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('labels') });
    await expect(volumes.create('v', 'other', spec)).rejects.toMatchObject({ code: 'conflict' });
    await expect(volumes.create('../v', 's', spec)).rejects.toMatchObject({ code: 'bad-request' });
  });

  test('what was cut off while it was made or removed is cleared', async () => {
    mkdirSync(join(root, 'volumes/half/_data'), { recursive: true });
    expect((await open()).list().size).toBe(0);
    expect(readdirSync(join(root, 'volumes'))).toEqual([]);
  });
});

describe('copy-up', () => {
  const layers = (): string[] => ['1', '2', '3'].map((name) => join(root, 'layers', name));
  const write = (layer: string | undefined, path: string, content: string): void => {
    mkdirSync(join(layer ?? '', path, '..'), { recursive: true });
    writeFileSync(join(layer ?? '', path), content);
  };
  beforeEach(() => {
    const [low, middle, high] = layers();
    for (const layer of layers()) mkdirSync(layer, { recursive: true });
    write(low, 'srv/data/a', 'a');
    linkSync(join(low ?? '', 'srv/data/a'), join(low ?? '', 'srv/data/b'));
    write(low, 'srv/data/gone', 'x');
    write(low, 'srv/data/folder/old', 'x');
    write(middle, 'srv/data/folder/new', 'new');
    execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(middle ?? '', 'srv/data/folder')]);
    execFileSync('mknod', [join(middle ?? '', 'srv/data/gone'), 'c', '0', '0']);
    symlinkSync('/etc/../../passwd', join(middle ?? '', 'srv/data/link'));
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'n', join(middle ?? '', 'srv/data')]);
    chownSync(join(middle ?? '', 'srv/data'), 70, 71);
    execFileSync('chmod', ['2750', join(middle ?? '', 'srv/data')]);
    symlinkSync('/srv', join(high ?? '', 'mnt'));
  });

  test('an empty volume gets what the layers together show, through links in the path', async () => {
    const volumes = await open();
    await volumes.create('v', 's', spec);
    const data = volumes.mountpoint('v');
    await volumes.copyUp('v', layers(), '/mnt/data');
    expect(readdirSync(data).sort()).toEqual(['a', 'b', 'folder', 'link']);
    expect(readdirSync(join(data, 'folder'))).toEqual(['new']);
    expect(readFileSync(join(data, 'a'), 'utf8')).toBe('a');
    expect(lstatSync(join(data, 'a')).ino).toBe(lstatSync(join(data, 'b')).ino);
    expect(readlinkSync(join(data, 'link'))).toBe('/etc/../../passwd');
    expect(lstatSync(data)).toMatchObject({ uid: 70, gid: 71 });
    expect(lstatSync(data).mode & 0o7777).toBe(0o2750);
    expect(readdirSync(join(root, 'volumes/v')).sort()).toEqual(['_data', 'volume.json']);
    expect(spawnSync('findmnt', ['-R', root]).stdout.toString()).toBe('');
  });

  test('one layer alone', async () => {
    const volumes = await open();
    await volumes.create('v', 's', spec);
    await volumes.copyUp('v', layers().slice(1, 2), '/srv/data');
    expect(readdirSync(volumes.mountpoint('v')).sort()).toEqual(['folder', 'link']);
  });

  test('a volume that holds something, and a path that the image does not have, stay as they are', async () => {
    const volumes = await open();
    await volumes.create('v', 's', spec);
    await volumes.copyUp('v', layers(), '/nowhere');
    await volumes.copyUp('v', layers(), '/srv/data/a');
    expect(readdirSync(volumes.mountpoint('v'))).toEqual([]);
    writeFileSync(join(volumes.mountpoint('v'), 'own'), '');
    await volumes.copyUp('v', layers(), '/srv/data');
    expect(readdirSync(volumes.mountpoint('v'))).toEqual(['own']);
  });

  test('cut off while moving, it is finished by the next engine', async () => {
    const volumes = await open();
    await volumes.create('v', 's', spec);
    const folder = join(root, 'volumes/v');
    write(folder, 'staged/a', 'a');
    write(folder, 'staged/b/c', 'c');
    write(folder, '_data/a', 'a');
    mkdirSync(join(folder, 'staged.tmp'));
    const next = await open();
    expect(readdirSync(next.mountpoint('v')).sort()).toEqual(['a', 'b']);
    expect([existsSync(join(folder, 'staged')), existsSync(join(folder, 'staged.tmp'))]).toEqual([false, false]);
  });
});
