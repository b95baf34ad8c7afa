import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chainIds, layerFolder } from '../../src/runtime/image/chain-id.ts';
import { createImages } from '../../src/runtime/image/image-store.ts';
import type { Images, ImageUser } from '../../src/runtime/image/images.ts';
import { pathsOf } from '../../src/state/paths.ts';
import { dockerArchive } from '../runtime/image/image-archives.ts';
import { sha256, tarBytes } from '../runtime/image/tar-bytes.ts';

const core = new URL('../../build/bayplan-core', import.meta.url).pathname;
let root = '';
let users: ImageUser[] | null = [];
let reports: string[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'bayplan-removal-'));
  users = [];
  reports = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (): Promise<Images> => createImages({ paths: pathsOf(root), core, users: () => users, report: (line) => reports.push(line) });
const load = (images: Images, archive: Buffer): Promise<readonly string[]> => images.load(Readable.from([archive]));
const layer = (text: string): Buffer => tarBytes([{ name: text, content: text }]);
const [base, top, other] = [layer('base'), layer('top'), layer('other')];
const blobs = (): string[] => readdirSync(join(root, 'images/blobs/sha256')).sort();
const folders = (): string[] => readdirSync(join(root, 'layers')).sort();
const foldersOf = (...layers: readonly Buffer[]): string[] => chainIds(layers.map(sha256)).map(layerFolder);
const conflict = (words: RegExp): object => expect.objectContaining({ code: 'conflict', message: expect.stringMatching(words) });

describe('remove', () => {
  test('with the last name goes all that nothing else needs', async () => {
    const images = await open();
    await load(images, dockerArchive({ names: ['base:1'], layers: [base] }));
    const [kept, keptFolders] = [blobs(), folders()];
    await load(images, dockerArchive({ names: ['app:1', 'app:2'], layers: [base, top] }));
    const id = images.find('app:1')?.id ?? '';
    expect(await images.remove('app:2', false)).toEqual({ untagged: ['docker.io/library/app:2'], deleted: [], reclaimed: 0 });
    expect(images.find('app:1')?.id).toBe(id);
    expect(await images.remove('app:1', false)).toEqual({ untagged: ['docker.io/library/app:1'], deleted: [id, chainIds([base, top].map(sha256))[1]], reclaimed: top.length });
    expect([blobs(), folders()]).toEqual([kept, keptFolders]);
    expect([images.find('app:1'), images.find(id), (await open()).find(id)]).toEqual([null, null, null]);
    await images.remove('base:1', false);
    expect([blobs(), folders()]).toEqual([[], []]);
    expect(reports).toEqual([]);
  });

  test('by ID goes an image with one name, or with more by force', async () => {
    const images = await open();
    await load(images, dockerArchive({ names: ['app:1', 'other:1'], layers: [base] }));
    const id = images.find('app:1')?.id ?? '';
    await expect(images.remove(id.slice(7, 19), false)).rejects.toEqual(conflict(/has 2 names \(app:1, other:1\)/));
    expect(await images.remove(id, true)).toMatchObject({ untagged: ['docker.io/library/app:1', 'docker.io/library/other:1'], deleted: [id, sha256(base)] });
    await expect(images.remove(id, true)).rejects.toMatchObject({ code: 'not-found', message: `No such image: ${id}` });
  });

  test('an image in use stays, nameless where it is forced, until its container has gone', async () => {
    const images = await open();
    await load(images, dockerArchive({ names: ['app:1'], layers: [base] }));
    const id = images.find('app:1')?.id ?? '';
    for (const running of [true, false]) {
      users = [{ imageId: id, container: 'shop-web-1', running }];
      await expect(images.remove('app:1', false)).rejects.toEqual(conflict(running ? /running container shop-web-1 was made from it: .*or force/ : /stopped container shop-web-1/));
      expect((await images.prune(() => true)).deleted).toEqual([]);
    }
    users = [{ imageId: id, container: 'shop-web-1', running: true }];
    await expect(images.remove(id, true)).rejects.toEqual(conflict(/running container shop-web-1 was made from it: remove the container first$/));
    expect(await images.remove('app:1', true)).toEqual({ untagged: ['docker.io/library/app:1'], deleted: [], reclaimed: 0 });
    expect(await images.layers(id)).toEqual(foldersOf(base));
    users = [{ imageId: id, container: 'shop-web-1', running: false }];
    await expect(images.remove(id, true)).rejects.toEqual(conflict(/stopped container shop-web-1/));
    users = [];
    expect((await images.prune(({ references }) => references.length === 0)).deleted).toEqual([id, sha256(base)]);
    expect(folders()).toEqual([]);
  });

  test('a name taken by another image leaves the old one to prune', async () => {
    const images = await open();
    await load(images, dockerArchive({ names: ['app:1'], layers: [base, top] }));
    await load(images, dockerArchive({ names: ['app:1'], layers: [base, other] }));
    expect((await images.prune(({ references }) => references.length === 0)).reclaimed).toBe(top.length);
    expect(folders()).toEqual([...foldersOf(base, other)].sort());
    expect(images.list()).toHaveLength(1);
  });

  test('a load that is under way keeps what it counts on', async () => {
    const images = await open();
    await load(images, dockerArchive({ names: ['old:1'], layers: [base] }));
    const archive = dockerArchive({ names: ['new:1'], layers: [base, top] });
    let go = (): void => undefined;
    const removed = new Promise<void>((resolve) => { go = resolve; });
    const loading = images.load(Readable.from((async function* () {
      yield archive.subarray(0, 1000);
      await removed;
      yield archive.subarray(1000);
    })()));
    expect((await images.remove('old:1', false)).untagged).toEqual(['docker.io/library/old:1']);
    expect(folders()).toEqual(foldersOf(base));
    go();
    await loading;
    expect(folders()).toEqual([...foldersOf(base, top)].sort());
    expect(await images.layers('new:1')).toEqual(foldersOf(base, top));
    expect((await open()).list()).toHaveLength(1);
  });

  test('many at once, in loads and removals', async () => {
    const images = await open();
    await Promise.all(Array.from({ length: 30 }, async (_, i) => {
      await load(images, dockerArchive({ names: [`app${i}:1`], layers: [base, layer(`layer ${i}`)] }));
      if (i % 2 === 1) await images.remove(`app${i}:1`, false);
    }));
    await images.sweep();
    const known = (await open()).list();
    expect(known).toHaveLength(15);
    for (const { image } of known) expect(await images.layers(image.id)).toHaveLength(2);
    expect([folders().length, blobs().length]).toEqual([16, 15 * 3 + 1]);
  });
});

describe('what a removal that was killed leaves', () => {
  test('is whole, and swept by the next engine', async () => {
    const images = await open();
    await load(images, dockerArchive({ names: ['base:1'], layers: [base] }));
    const [kept, keptFolders, index] = [blobs(), folders(), readFileSync(join(root, 'images/index.json'))];
    await load(images, dockerArchive({ names: ['app:1'], layers: [base, top] }));
    writeFileSync(join(root, 'images/index.json'), index); // killed when it had written the index, and nothing else yet
    const next = await open();
    expect([next.find('app:1'), next.find('base:1')?.id]).toEqual([null, images.find('base:1')?.id]);
    await next.sweep();
    expect([blobs(), folders()]).toEqual([kept, keptFolders]);
    mkdirSync(join(root, 'layers', `${foldersOf(base, top)[1] ?? ''}.tmp-00000000/half`), { recursive: true }); // killed in a folder's middle
    await open();
    expect(folders()).toEqual(keptFolders);
  });

  test('nothing is swept while it is not known what is needed', async () => {
    const images = await open();
    await load(images, dockerArchive({ names: ['app:1'], layers: [base, top] }));
    const [all, allFolders] = [blobs(), folders()];
    const unchanged = async (): Promise<void> => {
      const next = await open();
      await next.sweep();
      expect([blobs(), folders()]).toEqual([all, allFolders]);
    };
    const index = join(root, 'images/index.json');
    const before = readFileSync(index);
    users = [{ imageId: images.find('app:1')?.id ?? '', container: 'c', running: true }];
    rmSync(index); // made anew, empty: the layers of the container stay
    await unchanged();
    writeFileSync(index, before);
    users = null; // the containers are not known yet
    await unchanged();
    users = [];
    await load(images, dockerArchive({ names: ['damaged:1'], layers: [other] }));
    all.splice(0, all.length, ...blobs());
    allFolders.splice(0, allFolders.length, ...folders());
    writeFileSync(join(root, 'images/blobs/sha256', (images.find('damaged:1')?.id ?? '').slice(7)), '{}');
    await unchanged();
  });

  test('layers of a load that failed are removed', async () => {
    const images = await open();
    const hostile = tarBytes([{ name: '../out', content: 'x' }]);
    await expect(load(images, dockerArchive({ names: ['app:1'], layers: [base, hostile] }))).rejects.toThrow(/out of the layer/);
    expect([blobs(), folders()]).toEqual([[], []]);
  });
});

test('an image that was removed can be loaded again', async () => {
  const images = await open();
  for (let round = 0; round < 3; round++) {
    await load(images, dockerArchive({ names: ['app:1'], layers: [base, top] }));
    expect(existsSync(join(root, 'layers', (await images.layers('app:1'))[1] ?? '', 'top'))).toBe(true);
    await images.remove('app:1', false);
  }
});
