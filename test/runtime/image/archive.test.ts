import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { archiveImages } from '../../../src/runtime/image/archive-images.ts';
import { stageArchive } from '../../../src/runtime/image/archive.ts';
import { dockerArchive, ociArchive } from './image-archives.ts';
import { sha256, tarBytes } from './tar-bytes.ts';

let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-archive-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const layer = tarBytes([{ name: 'a', content: 'x'.repeat(100_000) }]);

async function images(archive: Buffer, chunk = 10_000): Promise<Awaited<ReturnType<typeof archiveImages>>> {
  const chunks = Array.from({ length: Math.ceil(archive.length / chunk) }, (_, i) => archive.subarray(i * chunk, (i + 1) * chunk));
  return archiveImages(await stageArchive(Readable.from(chunks), folder));
}

/** Files below a folder that this process has open. */
function openBelow(parent: string): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the one that the folder was read by
    }
  }).filter((path) => path.startsWith(parent));
}
const refusal = (words: RegExp): object => expect.objectContaining({ code: 'bad-archive', message: expect.stringMatching(words) });

describe('docker save', () => {
  test('an image with its layers', async () => {
    const [image] = await images(dockerArchive({ names: ['hello:1'], layers: [layer, layer] }));
    expect(image?.references).toEqual(['docker.io/library/hello:1']);
    expect(image?.layers.map(({ diffId, digest }) => [diffId, digest])).toEqual([[sha256(layer), sha256(layer)], [sha256(layer), sha256(layer)]]);
    expect(image?.blobs.size).toBe(2);
  });
  test('an image without layers, whose lists Go has left null', async () => {
    const config = JSON.stringify({ architecture: arch() === 'x64' ? 'amd64' : arch(), os: 'linux', config: { Cmd: ['true'] }, rootfs: { type: 'layers' } });
    const name = `${sha256(Buffer.from(config)).slice(7)}.json`;
    const archive = tarBytes([{ name, content: config }, { name: 'manifest.json', content: JSON.stringify([{ Config: name, RepoTags: null, Layers: null }]) }]);
    expect(await images(archive)).toMatchObject([{ references: [], layers: [] }]);
  });
  test('compressed as a whole', async () => {
    expect(await images(gzipSync(dockerArchive({ names: ['hello:1'], layers: [layer] })))).toHaveLength(1);
  });
  test.each([['xz', '/Td6WFoAAATm1rRG'], ['bzip2', 'QlpoOTFBWSZTWQ=='], ...'createZstdDecompress' in zlib ? [] : [['zstd', 'KLUv/SQBCQAA']]])('compressed as a whole by %s: told, and what to do', async (name, bytes) => {
    for (const chunk of [100, 1]) await expect(images(Buffer.from(bytes, 'base64'), chunk)).rejects.toEqual(refusal(new RegExp(`it is compressed by ${name}: undo that first, as by \`${name} -dc FILE`)));
  });
  test('a layer of another image', async () => {
    await expect(images(dockerArchive({ names: ['hello:1'], layers: [layer], diffIds: [sha256('other')] }))).rejects.toEqual(refusal(/layer .* has the digest sha256:.*changed or is damaged/));
  });
});

describe('OCI layout', () => {
  test('the image for this machine of several', async () => {
    const [image, ...others] = await images(ociArchive({ names: ['ghcr.io/a/b:2'], layers: [gzipSync(layer)], diffIds: [sha256(layer)], foreign: true }));
    expect(others).toEqual([]);
    expect(image?.references).toEqual(['ghcr.io/a/b:2']);
    expect(image?.layers[0]).toMatchObject({ diffId: sha256(layer), digest: sha256(gzipSync(layer)) });
  });
  test('a falsified blob', async () => {
    const archive = ociArchive({ names: ['a:1'], layers: [layer] });
    archive.write('y', archive.indexOf('xxxx'));
    await expect(images(archive)).rejects.toEqual(refusal(/blob blobs\/sha256\/[0-9a-f]{64} has the digest sha256:/));
  });
  test('a missing blob', async () => {
    await expect(images(ociArchive({ names: ['a:1'], layers: [layer], leaveOut: sha256(layer) }))).rejects.toEqual(refusal(new RegExp(`blob ${sha256(layer)} is missing`)));
  });
});

describe('a manifest that lies', () => {
  /** The archive of one image with its documents changed before they are named by their digests. */
  const lying = (changes: { manifest?: (manifest: Documents) => object; config?: object; index?: (descriptor: object) => object }): Buffer => {
    const config = Buffer.from(JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: [sha256(layer)] }, ...changes.config }));
    const honest = { schemaVersion: 2, config: { digest: sha256(config), size: config.length }, layers: [{ digest: sha256(layer), size: layer.length }] };
    const manifest = Buffer.from(JSON.stringify(changes.manifest?.(honest) ?? honest));
    const top = { digest: sha256(manifest), size: manifest.length };
    const blobs = [config, manifest, layer].map((content) => ({ name: `blobs/sha256/${sha256(content).slice(7)}`, content }));
    return tarBytes([
      { name: 'oci-layout', content: '{}' }, ...blobs,
      { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [{ ...(changes.index?.(top) ?? top), annotations: { 'org.opencontainers.image.ref.name': 'a:1' } }] }) },
    ]);
  };
  interface Documents { readonly schemaVersion: number; readonly config: { readonly digest: string; readonly size: number }; readonly layers: readonly { readonly digest: string; readonly size: number }[] }

  test('the honest one', async () => {
    expect(await images(lying({}))).toHaveLength(1);
  });
  test.each<[string, Parameters<typeof lying>[0], RegExp]>([
    ['about a layer\'s size', { manifest: (honest) => ({ ...honest, layers: [{ ...honest.layers[0], size: 7 }] }) }, /blob sha256:\w+ has \d+ bytes, its descriptor says 7/],
    ['with a negative size', { manifest: (honest) => ({ ...honest, layers: [{ ...honest.layers[0], size: -1 }] }) }, /layers\.0\.size/],
    ['about its config\'s size', { manifest: (honest) => ({ ...honest, config: { ...honest.config, size: 0 } }) }, /its descriptor says 0/],
    ['about its own size', { index: (top) => ({ ...top, size: 1 }) }, /its descriptor says 1/],
    ['with more layers than its config', { manifest: (honest) => ({ ...honest, layers: [...honest.layers, ...honest.layers] }) }, /has 2 layers, its config 1/],
    ['with fewer', { config: { rootfs: { type: 'layers', diff_ids: [sha256(layer), sha256(layer)] } } }, /has 1 layers, its config 2/],
    ['with a digest that is a path', { manifest: (honest) => ({ ...honest, layers: [{ digest: '../../../etc/passwd', size: 1 }] }) }, /layers\.0\.digest: not a sha256 digest/],
    ['that is no manifest', { manifest: () => ({ schemaVersion: 1 }) }, /schemaVersion/],
    ['that names a config that is none', { config: { rootfs: 'none' } }, /rootfs/],
  ])('%s', async (_, changes, words) => {
    await expect(images(lying(changes))).rejects.toEqual(refusal(words));
  });
  test('indexes in indexes, without end', async () => {
    const blobs: { name: string; content: string }[] = [];
    let inner = { digest: sha256(layer), size: layer.length, mediaType: 'application/vnd.oci.image.index.v1+json' };
    for (let depth = 0; depth < 10; depth++) {
      const content = JSON.stringify({ schemaVersion: 2, manifests: [inner, inner] });
      blobs.push({ name: `blobs/sha256/${sha256(content).slice(7)}`, content });
      inner = { ...inner, digest: sha256(content), size: content.length };
    }
    await expect(images(tarBytes([{ name: 'oci-layout', content: '{}' }, { name: 'index.json', content: JSON.stringify({ schemaVersion: 2, manifests: [inner] }) }, ...blobs]))).rejects.toEqual(refusal(/nested too deeply/));
  });
  test('links in the archive that lead in a circle, or out', async () => {
    await expect(images(tarBytes([{ name: 'oci-layout', content: '{}' }, { name: 'index.json', type: '2', target: 'other' }, { name: 'other', type: '2', target: 'index.json' }, { name: 'manifest.json', type: '2', target: '/etc/passwd' }]))).rejects.toEqual(refusal(/neither/));
  });
});

describe.each([['docker save', dockerArchive], ['OCI layout', ociArchive]])('an image that no container can be made from: %s', (_format, archive) => {
  test.each<[string, object, RegExp]>([
    ['of another machine', { architecture: 's390x' }, /image a:1 cannot be used: it is for linux\/s390x, this machine is linux/],
    ['of another system', { os: 'windows' }, /it is for windows\//],
    ['with a relative volume', { config: { Volumes: { rel: {} } } }, /its volume "rel" is not an absolute path/],
    ['with a port that is none', { config: { ExposedPorts: { '80/tcp': {}, '99999/tcp': {} } } }, /it exposes "99999\/tcp"/],
  ])('%s', async (_, document, words) => {
    await expect(images(archive({ names: ['a:1'], layers: [layer], document }))).rejects.toEqual(refusal(words));
  });
});

describe('no image archive', () => {
  test.each([['nothing', Buffer.alloc(0)], ['text', Buffer.from('hello\n'.repeat(1000))], ['an empty tar', Buffer.alloc(1024)], ['another tar', layer]])('%s', async (_, bytes) => {
    await expect(images(bytes)).rejects.toEqual(refusal(/./));
  });
  test.each([0.3, 0.6, 0.97])('cut off at %f', async (part) => {
    const archive = dockerArchive({ names: ['a:1'], layers: [layer] });
    await expect(images(archive.subarray(0, Math.floor((archive.length - 1024) * part)))).rejects.toEqual(refusal(/cut off|truncated/));
  });
  test('text says so', async () => {
    await expect(images(Buffer.from('root:x:0:0\n'.repeat(1000)))).rejects.toEqual(refusal(/it is no tar archive/));
  });
  test('one whose sender leaves in the middle leaves no file open', async () => {
    const archive = dockerArchive({ names: ['a:1'], layers: [layer] });
    const sender = new PassThrough();
    const loading = stageArchive(sender, folder);
    sender.write(archive.subarray(0, 50_000));
    await vi.waitFor(() => expect(openBelow(folder)).toHaveLength(1));
    sender.destroy(new Error('it left'));
    await expect(loading).rejects.toThrow('it left');
    expect(openBelow(folder)).toEqual([]);
  });
  test('names that lead out stay numbers below the folder', async () => {
    await expect(images(tarBytes([{ name: '../../out', content: 'x' }]))).rejects.toEqual(refusal(/neither/));
    expect(readdirSync(folder)).toEqual(['0']);
  });
});
