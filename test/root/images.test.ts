import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createImages } from '../../src/runtime/image/image-store.ts';
import type { Images } from '../../src/runtime/image/images.ts';
import { pathsOf } from '../../src/state/paths.ts';
import { eventually } from './harness.ts';
import { dockerArchive, ociArchive } from '../runtime/image/image-archives.ts';
import { sha256, tarBytes } from '../runtime/image/tar-bytes.ts';

const core = new URL('../../build/bayplan-core', import.meta.url).pathname;
let root = '';
beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'bayplan-images-')); });
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (): Promise<Images> => createImages({ paths: pathsOf(root), core, users: () => [] });
const load = (images: Images, archive: Buffer): Promise<readonly string[]> => images.load(Readable.from([archive]));
const read = (layer: string | undefined, path: string): string => readFileSync(join(root, 'layers', layer ?? '', path), 'utf8');

const low = tarBytes([{ name: 'file', content: 'low' }]);
const high = tarBytes([{ name: '.wh.file', content: '' }, { name: 'other', content: 'high' }]);
const image = (names: readonly string[]): Buffer => dockerArchive({ names, layers: [low, high] });

describe('load', () => {
  test('an image is known by name, ID, prefix and digest, and by the next engine too', async () => {
    expect(await load(await open(), image(['app:1', 'app:2']))).toEqual(['docker.io/library/app:1', 'docker.io/library/app:2']);
    const images = await open();
    const found = images.find('app:1');
    expect(found?.config.command).toEqual(['true']);
    const id = found?.id ?? '';
    for (const name of ['app:2', 'docker.io/library/app:1', id, id.slice(7), id.slice(7, 19), `app@${found?.digest ?? ''}`]) expect(images.find(name)).toEqual(found);
    for (const name of ['app', 'app:3', 'other:1', 'No Such', `other@${found?.digest ?? ''}`, 'ffffffffffffffff']) expect(images.find(name)).toBeNull();
    expect(images.list().map(({ references }) => references)).toEqual([['docker.io/library/app:1', 'docker.io/library/app:2']]);
  });

  test('layers are unpacked once, by chain ID, and shared', async () => {
    const images = await open();
    await load(images, image(['app:1']));
    await load(images, dockerArchive({ names: ['base:1'], layers: [low] }));
    const layers = await images.layers(images.find('app:1')?.id ?? '');
    expect(layers).toHaveLength(2);
    expect(await images.layers('base:1')).toEqual([layers[0]]);
    expect(readdirSync(join(root, 'layers')).sort()).toEqual([...layers].sort());
    expect([read(layers[0], 'file'), read(layers[1], 'other')]).toEqual(['low', 'high']);
  });

  test('the store is an OCI layout that skopeo reads', async () => {
    await load(await open(), ociArchive({ names: ['ghcr.io/a/b:2'], layers: [gzipSync(low)], diffIds: [sha256(low)], foreign: true }));
    const seen = JSON.parse(execFileSync('skopeo', ['inspect', `oci:${join(root, 'images')}:ghcr.io/a/b:2`]).toString()) as { Layers: string[] };
    expect(seen.Layers).toEqual([sha256(gzipSync(low))]);
  });

  test('what skopeo writes', async () => {
    const archive = join(root, 'archive.tar');
    writeFileSync(join(root, 'in.tar'), image(['app:1']));
    for (const form of ['oci-archive', 'docker-archive']) {
      execFileSync('skopeo', ['copy', '-q', `docker-archive:${join(root, 'in.tar')}`, `${form}:${archive}:docker.io/library/${form}:1`]);
      const images = await open();
      expect(await images.load(createReadStream(archive))).toEqual([`docker.io/library/${form}:1`]);
      expect(await images.layers(`${form}:1`)).toHaveLength(2);
      rmSync(archive);
    }
  });

  test('a name moves to the new image, the old one stays by its ID', async () => {
    const images = await open();
    await load(images, image(['app:1']));
    const old = images.find('app:1')?.id ?? '';
    await load(images, dockerArchive({ names: ['app:1'], layers: [low] }));
    expect(images.find('app:1')?.id).not.toBe(old);
    expect(images.find(old)?.id).toBe(old);
    expect((await open()).list().map(({ references }) => references)).toEqual([['docker.io/library/app:1'], []]);
  });

  test('several at once', async () => {
    const images = await open();
    await Promise.all(['a:1', 'b:1', 'c:1', 'a:1'].map((name) => load(images, image([name]))));
    expect((await open()).list().flatMap(({ references }) => references).sort()).toEqual(['docker.io/library/a:1', 'docker.io/library/b:1', 'docker.io/library/c:1']);
  });
});

describe('nothing half-made is kept', () => {
  const traces = (): string[] => ['images', 'images/blobs/sha256', 'layers'].flatMap((folder) => readdirSync(join(root, folder))).sort();
  const hostile = tarBytes([{ name: 'l', type: '2', target: '../..' }, { name: 'l/out', content: 'x' }]);
  test.each<[string, Buffer, RegExp]>([
    ['a cut archive', image(['app:1']).subarray(0, 3000), /not a usable image archive/],
    ['a hostile layer', dockerArchive({ names: ['app:1'], layers: [hostile] }), /^layer sha256:\w+ cannot be unpacked: entry l\/out: leads out of the layer/],
    ['a compressed layer of another image', dockerArchive({ names: ['app:1'], layers: [gzipSync(low)], diffIds: [sha256(high)] }), /^layer sha256:\w+ unpacks to sha256:\w+, its image says/],
  ])('%s', async (_, archive, error) => {
    const images = await open();
    await expect(load(images, archive)).rejects.toThrow(error);
    expect(images.list()).toEqual([]);
    expect(traces()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('a full disk', async () => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]);
    try {
      const images = await createImages({ paths: pathsOf(disk), core, users: () => [] });
      const large = tarBytes([{ name: 'large', content: Buffer.alloc(1_500_000, 'x') }]);
      await expect(load(images, dockerArchive({ names: ['app:1'], layers: [gzipSync(large), large], diffIds: [sha256(large), sha256(large)] }))).rejects.toThrow(/No space left on device|disk is full/);
      expect(images.list()).toEqual([]);
      expect(readdirSync(join(disk, 'layers'))).toEqual([]);
      expect(await load(images, image(['app:1']))).toHaveLength(1);
    } finally {
      await eventually(() => execFileSync('umount', [disk])); // a child that is ending may hold it a moment longer
    }
  });

  test('what a crash left is removed', async () => {
    await open();
    mkdirSync(join(root, 'layers/00112233445566778899aabbccddeeff.tmp-01020304/x'), { recursive: true });
    mkdirSync(join(root, 'images/load-01020304.tmp'));
    await open();
    expect(traces()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });
});

describe('a store that was damaged', () => {
  test('a layer folder that went is made again; without its blob the error names it', async () => {
    const images = await open();
    await load(images, image(['app:1']));
    const layers = await images.layers('app:1');
    rmSync(join(root, 'layers', layers[0] ?? ''), { recursive: true });
    expect(await images.layers('app:1')).toEqual(layers);
    rmSync(join(root, 'layers'), { recursive: true });
    mkdirSync(join(root, 'layers'));
    const blob = join(root, 'images/blobs/sha256', sha256(low).slice(7));
    truncateSync(blob, 700);
    await expect(images.layers('app:1')).rejects.toThrow(`layer ${sha256(low)}`);
    rmSync(blob);
    await expect(images.layers('app:1')).rejects.toThrow(`layer ${sha256(low)} is not in the image store any more`);
    await load(images, image(['app:1']));
    expect(await images.layers('app:1')).toEqual(layers);
  });

  test('an image whose config is damaged is unknown until it is loaded again', async () => {
    const first = await open();
    await load(first, image(['app:1']));
    await load(first, dockerArchive({ names: ['base:1'], layers: [low] }));
    const config = join(root, 'images/blobs/sha256', (first.find('app:1')?.id ?? '').slice(7));
    expect(existsSync(config)).toBe(true);
    writeFileSync(config, '{}');
    const images = await open();
    expect(images.find('app:1')).toBeNull();
    expect(images.find('base:1')).not.toBeNull();
    await load(images, image(['app:1']));
    expect(images.find('app:1')).not.toBeNull();
  });
});
