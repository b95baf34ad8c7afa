import { execFileSync } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create } from 'tar';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createImages } from '../../src/runtime/image/image-store.ts';
import type { Images } from '../../src/runtime/image/images.ts';
import { pathsOf } from '../../src/state/paths.ts';
import { dockerArchive } from '../runtime/image/image-archives.ts';
import { sha256, tarBytes } from '../runtime/image/tar-bytes.ts';

// Image layouts and archives between this store and other people's programs.
const core = new URL('../../build/bayplan-core', import.meta.url).pathname;
const layers = [tarBytes([{ name: 'file', content: 'low' }, { name: 'gone', content: 'x' }]), tarBytes([{ name: '.wh.gone', content: '' }, { name: 'other', content: 'high' }])];
const NAME = 'registry.example:5000/team/app:2';
let folder = '';
let images: Images;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-layouts-'));
  images = await createImages({ paths: pathsOf(join(folder, 'root')), core, users: () => [] });
  await images.load(Readable.from([dockerArchive({ names: [NAME, 'other:1'], layers })]));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (...names: readonly string[]): string => join(folder, ...names);
const skopeo = (...args: readonly string[]): string => execFileSync('skopeo', args, { stdio: 'pipe' }).toString();
const seen = (source: string): { readonly Layers: readonly string[]; readonly Digest: string } => JSON.parse(skopeo('inspect', source)) as { Layers: string[]; Digest: string };
const STORE = (): string => at('root/images');
const saved = async (...names: readonly string[]): Promise<string> => {
  await pipeline(await images.save(names), createWriteStream(at('saved.tar')));
  return at('saved.tar');
};

test('skopeo reads the store by name, and copies out of it', async () => {
  expect(seen(`oci:${STORE()}:${NAME}`)).toMatchObject({ Digest: images.find(NAME)?.digest, Layers: layers.map(sha256) });
  skopeo('copy', '-q', `oci:${STORE()}:${NAME}`, `oci:${at('copy')}:app`);
  expect(seen(`oci:${at('copy')}:app`).Layers).toHaveLength(2);
});

test('umoci reads the store, and unpacks what it has', () => {
  // umoci knows an image by a bare tag.
  skopeo('copy', '-q', `oci:${STORE()}:${NAME}`, `oci:${at('copy')}:two`);
  execFileSync('umoci', ['raw', 'unpack', '--image', `${at('copy')}:two`, at('rootfs')], { stdio: 'pipe' });
  expect(readdirSync(at('rootfs')).sort()).toEqual(['file', 'other']);
  expect(execFileSync('umoci', ['list', '--layout', STORE()]).toString().split('\n')).toContain(NAME);
});

test('a store stays readable when images have gone from it', async () => {
  await images.load(Readable.from([dockerArchive({ names: ['third:1'], layers: [layers[0] ?? Buffer.alloc(0)] })]));
  await images.remove(NAME, false);
  await images.remove('other:1', false);
  expect(seen(`oci:${STORE()}:docker.io/library/third:1`).Layers).toEqual([sha256(layers[0] ?? '')]);
  expect(execFileSync('umoci', ['list', '--layout', STORE()]).toString()).toBe('docker.io/library/third:1\n');
  execFileSync('umoci', ['gc', '--layout', STORE()]); // nothing is left that it would take away, and nothing it needs is missing
  expect(readdirSync(join(STORE(), 'blobs/sha256'))).toHaveLength(3);
});

test('what is saved is an archive of docker save and an OCI layout in one', async () => {
  const archive = await saved(NAME, 'other:1');
  for (const source of [`docker-archive:${archive}:${NAME}`, `docker-archive:${archive}:docker.io/library/other:1`, `oci-archive:${archive}:2`]) expect(seen(source).Layers).toEqual(layers.map(sha256));
  execFileSync('tar', ['xf', archive, '-C', folder, 'manifest.json']);
  expect(JSON.parse(readFileSync(at('manifest.json'), 'utf8'))).toMatchObject([{ RepoTags: [NAME, 'other:1'] }]);
  await expect.poll(() => readdirSync(STORE()).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
});

test('what is saved loads as the same images', async () => {
  const { id } = images.find(NAME) ?? { id: '' };
  const archive = await saved(NAME, 'other:1');
  for (const name of [NAME, 'other:1']) await images.remove(name, false);
  expect(images.find(id)).toBeNull();
  expect(await images.load(createReadStream(archive))).toEqual([NAME, 'docker.io/library/other:1']);
  expect(images.find(NAME)?.id).toBe(id);
});

test('an image that is saved by its ID has no names there, and a repository has all of its own', async () => {
  const { id } = images.find(NAME) ?? { id: '' };
  await images.tag(NAME, 'other:2');
  const tags = (archive: string): unknown => {
    execFileSync('tar', ['xf', archive, '-C', folder, 'manifest.json']);
    return JSON.parse(readFileSync(at('manifest.json'), 'utf8')).map(({ RepoTags }: { RepoTags: unknown }) => RepoTags);
  };
  expect(tags(await saved('other'))).toEqual([['other:1', 'other:2']]);
  const archive = await saved(id);
  expect(tags(archive)).toEqual([null]);
  expect(await images.load(createReadStream(archive))).toEqual([id]);
});

test('an image is known by when it came into the store', () => {
  expect(Math.abs(Date.now() - images.details(NAME).storedAt)).toBeLessThan(60_000);
});

test('an image that is removed while it is saved is saved whole', async () => {
  const archive = await images.save([NAME]);
  for (const name of [NAME, 'other:1']) await images.remove(name, false);
  await pipeline(archive, createWriteStream(at('saved.tar')));
  expect(seen(`docker-archive:${at('saved.tar')}:${NAME}`).Layers).toHaveLength(2);
});

test.each(['gzip', 'zstd'])('a layout that skopeo has written, layers by %s', async (format) => {
  skopeo('copy', '-q', '--dest-compress-format', format, '--dest-compress', `oci:${STORE()}:${NAME}`, `oci:${at('written')}:written.example/app:3`);
  for (const name of [NAME, 'other:1']) await images.remove(name, false);
  expect(await images.load(Readable.from(create({ cwd: at('written'), portable: true }, ['.'])))).toEqual([`written.example/app:3`]);
  const unpacked = await images.layers(`written.example/app:3`);
  expect(readFileSync(at('root/layers', unpacked[1] ?? '', 'other'), 'utf8')).toBe('high');
});

test('a layout that umoci has written', async () => {
  execFileSync('umoci', ['init', '--layout', at('made')]);
  execFileSync('umoci', ['new', '--image', `${at('made')}:v1`]);
  writeFileSync(at('hello'), 'from umoci');
  execFileSync('umoci', ['insert', '--image', `${at('made')}:v1`, at('hello'), '/hello'], { stdio: 'pipe' });
  const loaded = await images.load(Readable.from(create({ cwd: at('made'), portable: true }, ['.'])));
  expect(loaded).toEqual(['docker.io/library/v1:latest']);
  const [layer] = await images.layers(loaded[0] ?? '');
  expect(readFileSync(at('root/layers', layer ?? '', 'hello'), 'utf8')).toBe('from umoci');
});
