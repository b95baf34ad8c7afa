import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createImages } from '../../src/runtime/image/image-store.ts';
import type { Images, Pulled } from '../../src/runtime/image/images.ts';
import { DOCKER_INDEX_TYPE, DOCKER_MANIFEST_TYPE, INDEX_TYPE, MANIFEST_TYPE } from '../../src/runtime/image/oci.ts';
import { RegistryClient } from '../../src/runtime/image/registry/registry-client.ts';
import { Registries } from '../../src/runtime/image/registry/settings.ts';
import type { PartProgress } from '../../src/state/messages.ts';
import { pathsOf } from '../../src/state/paths.ts';
import type { CredentialsByHost } from '../../src/state/registry-credentials.ts';
import { sha256, tarBytes } from '../runtime/image/tar-bytes.ts';
import { type FakeManifest, FakeRegistry, platform } from './fake-registry.ts';
import { eventually } from './harness.ts';

const core = new URL('../../build/bayplan-core', import.meta.url).pathname;
const LIMITS = { attempts: 3, stalls: 2, backoffMs: 5, answerMs: 1000, windowMs: 300, windowBytes: 4096 };

const tar = tarBytes([{ name: 'file', content: 'low' }]);
const low = gzipSync(tar);
const large = tarBytes([{ name: 'large', content: randomBytes(400_000) }]);

let root = '';
let registry: FakeRegistry;
let images: Images;
const progress: PartProgress[] = [];
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'bayplan-registry-'));
  registry = await new FakeRegistry().open();
  images = await openStore();
  progress.length = 0;
});
afterEach(() => {
  registry.close();
  rmSync(root, { recursive: true, force: true });
});

async function openStore(settings: object = {}, folder = root): Promise<Images> {
  return createImages({ paths: pathsOf(folder), core, users: () => [], registries: new RegistryClient(Registries.parse(settings), LIMITS) });
}

function pull(name = 'app:1', options: { credentials?: CredentialsByHost; signal?: AbortSignal } = {}): Promise<Pulled> {
  return images.pull(`${registry.host}/${name}`, { credentials: options.credentials ?? {}, signal: options.signal ?? new AbortController().signal, onProgress: (event) => progress.push(event) });
}

const user = (): CredentialsByHost => ({ [registry.host]: { username: 'ann', password: 'secret', identitytoken: '' } });
/** What is in the store beside whole blobs, documents and layers. */
const leftOver = (): string[] => ['images', 'layers'].flatMap((folder) => readdirSync(join(root, folder))).filter((name) => name.includes('tmp'));
const layerFolders = (): string[] => readdirSync(join(root, 'layers'));

describe('a pull', () => {
  test('verifies, unpacks and names an image; by its digest, its name and its index it is found', async () => {
    const { manifest } = registry.add('inner', { layers: [low], diffIds: [sha256(tar)] });
    const index = registry.addIndex('1', [
      { ...manifest, digest: sha256('elsewhere'), platform: { os: 'linux', architecture: 's390x' } },
      { ...manifest, digest: sha256('attestation'), platform: { os: 'unknown', architecture: 'unknown' } },
      { ...manifest, platform: { os: 'linux', architecture: platform() } },
    ]);
    expect(await pull()).toMatchObject({ digest: index.digest, changed: true });
    for (const name of [`${registry.host}/app:1`, `${registry.host}/app@${index.digest}`, `${registry.host}/app@${manifest.digest}`]) expect(images.find(name)?.digest).toBe(manifest.digest);
    const [layer = ''] = await images.layers(`${registry.host}/app:1`);
    expect(readFileSync(join(root, 'layers', layer, 'file'), 'utf8')).toBe('low');
    registry.seen.length = 0;
    expect(await pull()).toMatchObject({ changed: false });
    expect(registry.seen.map(({ method }) => method)).toEqual(['HEAD']);
    registry.seen.length = 0;
    expect(await pull(`app@${index.digest}`)).toMatchObject({ changed: false });
    expect(registry.seen).toEqual([]);
    expect((await openStore()).find(`${registry.host}/app:1`)?.digest).toBe(manifest.digest);
  });

  const zstd = (input: Buffer): Buffer => execFileSync('zstd', ['-qc'], { input });
  const [OCI, DOCKER] = ['application/vnd.oci.image.', 'application/vnd.docker.image.rootfs.'];
  test.each([
    ...([['', tar], ['+gzip', gzipSync(tar)], ['+zstd', zstd(tar)]] as const).flatMap(([how, bytes]) => ['', 'nondistributable.'].map((kind) => ({ layer: `${OCI}layer.${kind}v1.tar${how}`, config: `${OCI}config.v1+json`, manifest: MANIFEST_TYPE, index: INDEX_TYPE, bytes }))),
    ...([['', tar], ['.gzip', gzipSync(tar)], ['.zstd', zstd(tar)]] as const).flatMap(([how, bytes]) => ['', 'foreign.'].map((kind) => ({ layer: `${DOCKER}${kind}diff.tar${how}`, config: 'application/vnd.docker.container.image.v1+json', manifest: DOCKER_MANIFEST_TYPE, index: DOCKER_INDEX_TYPE, bytes }))),
  ])('of each media type: $layer; its index and its ID are known, and skopeo reads what is stored', async ({ layer, config, manifest, index, bytes }) => {
    const form = (one: FakeManifest): object => ({ ...one, mediaType: manifest, config: { ...one.config, mediaType: config }, layers: one.layers.map((each) => ({ ...each, mediaType: layer })) });
    const { manifest: made } = registry.add('inner', { layers: [bytes], diffIds: [sha256(tar)], change: form });
    const served = registry.manifests.get(made.digest);
    for (const reference of ['inner', made.digest]) registry.manifests.set(reference, { type: manifest, bytes: served?.bytes ?? Buffer.alloc(0) });
    registry.addManifest('1', index, { schemaVersion: 2, mediaType: index, manifests: [{ ...made, mediaType: manifest, platform: { os: 'linux', architecture: platform() } }] });
    await pull();
    const id = JSON.parse(String(served?.bytes)).config.digest;
    expect(images.find(`${registry.host}/app:1`)?.id).toBe(id);
    expect(readFileSync(join(root, 'layers', layerFolders()[0] ?? '', 'file'), 'utf8')).toBe('low');
    const told = JSON.parse(execFileSync('skopeo', ['inspect', '--raw', `oci:${join(root, 'images')}:${registry.host}/app:1`], { encoding: 'utf8' }));
    expect(told).toMatchObject({ mediaType: MANIFEST_TYPE, config: { mediaType: `${OCI}config.v1+json`, digest: id }, layers: [{ mediaType: layer.startsWith(OCI) ? layer : expect.stringMatching(/^application\/vnd\.oci\.image\.layer\.v1\.tar(\+gzip|\+zstd)?$/), digest: sha256(bytes) }] });
    expect(leftOver()).toEqual([]);
  });

  test('of one image by several, and of two that share a layer, fetches each layer once', async () => {
    const { layers: [layer] } = registry.add('1', { layers: [low, large], diffIds: [sha256(tar), sha256(large)] });
    registry.add('2', { layers: [low], diffIds: [sha256(tar)] });
    await Promise.all([pull(), pull(), pull('other:2'), pull()]);
    expect(registry.blobRequests(layer?.digest)).toHaveLength(1);
    expect(layerFolders()).toHaveLength(2);
  });

  test('asks for a few layers at a time, however many there are and however many pull', async () => {
    const layers = Array.from({ length: 7 }, (_, at) => tarBytes([{ name: `file${at}`, content: String(at) }]));
    registry.add('1', { layers: layers.slice(0, 4).map((bytes) => gzipSync(bytes)), diffIds: layers.slice(0, 4).map(sha256) });
    registry.add('2', { layers: layers.slice(4).map((bytes) => gzipSync(bytes)), diffIds: layers.slice(4).map(sha256) });
    const held: (() => void)[] = [];
    const configs = new Set([...registry.manifests.values()].map(({ bytes }) => JSON.parse(String(bytes)).config.digest));
    registry.intercept = (request, _response, serve) => {
      const blob = /\/blobs\/([^/?]+)/.exec(request.url ?? '')?.[1];
      if (blob === undefined || configs.has(blob)) return false;
      held.push(serve);
      return true;
    };
    const pulls = Promise.all([pull('app:1'), pull('app:2')]);
    await eventually(() => expect(held).toHaveLength(4));
    await new Promise((resolve) => setTimeout(resolve, 100)); // for one too many to show itself
    for (let given = 0; given < layers.length; given++) {
      expect(held).toHaveLength(Math.min(4 + given, layers.length));
      held[given]?.();
      await eventually(() => expect(held).toHaveLength(Math.min(5 + given, layers.length)));
    }
    await pulls;
    expect(layerFolders()).toHaveLength(layers.length);
  });

  test('that one of two who wait for it leaves goes on for the other; when both leave it ends and leaves nothing', async () => {
    registry.add('1', { layers: [low], diffIds: [sha256(tar)] });
    let release = (): void => undefined;
    registry.intercept = (request, _response, serve) => {
      release = serve;
      return request.url?.includes('/blobs/') === true;
    };
    const leaver = new AbortController();
    const left = pull('app:1', { signal: leaver.signal });
    const stays = pull();
    await eventually(() => expect(registry.blobRequests()).toHaveLength(1));
    leaver.abort();
    await expect(left).rejects.toThrow(/abort/);
    registry.intercept = () => false;
    release();
    await stays;
    const both = new AbortController();
    registry.add('2', { layers: [large] });
    registry.intercept = (request) => request.url?.includes('/blobs/') === true;
    const pulls = [pull('app:2', { signal: both.signal }), pull('app:2', { signal: both.signal })];
    await eventually(() => expect(registry.seen.at(-1)?.path).toContain('/blobs/'));
    both.abort();
    await Promise.all(pulls.map((each) => expect(each).rejects.toThrow(/abort/)));
    await eventually(() => expect(leftOver()).toEqual([]));
    expect(images.find(`${registry.host}/app:2`)).toBeNull();
  });

  test('hangs on no other registry that has the same layer under way, and on no other user of this one', async () => {
    const stalled = await new FakeRegistry().open();
    try {
      for (const each of [registry, stalled]) each.add('1', { layers: [low], diffIds: [sha256(tar)] });
      const asksFor = (request: IncomingMessage, blob: Buffer): boolean => request.url?.endsWith(sha256(blob)) === true;
      const stop = new AbortController();
      stalled.intercept = (request, response) => {
        if (!asksFor(request, low)) return false;
        response.writeHead(200, { 'Content-Length': low.length }).write(low.subarray(0, 8)); // and no more
        return true;
      };
      const waits = expect(images.pull(`${stalled.host}/app:1`, { credentials: {}, signal: stop.signal, onProgress: () => undefined })).rejects.toThrow(/abort|too slow/);
      await eventually(() => expect(stalled.blobRequests(sha256(low))).toHaveLength(1));
      await pull();
      stop.abort();
      await waits;

      registry.add('2', { layers: [large], diffIds: [sha256(large)] });
      registry.seen.length = 0;
      registry.intercept = (request, response) => {
        if (request.headers.authorization !== undefined || !asksFor(request, large)) return false;
        response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
        return true;
      };
      const [anonymous] = await Promise.allSettled([pull('app:2'), pull('app:2', { credentials: user() })]);
      expect(anonymous).toMatchObject({ status: 'rejected' });
      expect(images.find(`${registry.host}/app:2`)).not.toBeNull();
      await eventually(() => expect(leftOver()).toEqual([]));
    } finally {
      stalled.close();
    }
  });

  test('from a mirror; the registry itself where the mirror does not have it', async () => {
    const mirror = await new FakeRegistry().open();
    try {
      registry.add('1', { layers: [low], diffIds: [sha256(tar)] });
      registry.add('2', { layers: [low], diffIds: [sha256(tar)] });
      mirror.add('1', { layers: [low], diffIds: [sha256(tar)] });
      images = await openStore({ [registry.host]: { mirrors: [`http://${mirror.host}/`] } });
      await pull();
      expect(registry.seen).toEqual([]);
      await pull('app:2');
      await expect(pull('app:3')).rejects.toThrow(`registry ${mirror.host} has no such image (404: manifest unknown); image ${registry.host}/app:3: registry ${registry.host} has no such image`);
      images = await openStore({ [registry.host]: { mirrors: [`http://${mirror.host}`], mirrorsOnly: true } });
      registry.seen.length = 0;
      await expect(pull('app:3')).rejects.toThrow(/has no such image/);
      expect(registry.seen).toEqual([]);
    } finally {
      mirror.close();
    }
  });
});

describe('a registry that lies', () => {
  const other = gzipSync(tarBytes([{ name: 'file', content: 'bad' }]));
  const serveBlob = (digest: string, answer: (response: ServerResponse) => void): void => {
    registry.intercept = (request, response) => {
      if (request.url?.includes(digest) !== true) return false;
      answer(response);
      return true;
    };
  };

  test.each<[string, (registry: FakeRegistry) => void, RegExp]>([
    ['about a manifest\'s digest', (one) => {
      one.add('1', { layers: [low] });
      one.intercept = (_, response) => { response.writeHead(200, { 'Content-Type': MANIFEST_TYPE, 'Docker-Content-Digest': sha256('x') }).end('{}'); return true; };
    }, /sent sha256:\w+ for manifest sha256:/],
    ['about the manifest of its index', (one) => {
      const { manifest } = one.add('inner', { layers: [low] });
      one.addIndex('1', [{ ...manifest, platform: { os: 'linux', architecture: platform() } }]);
      one.manifests.set(manifest.digest, { type: MANIFEST_TYPE, bytes: Buffer.from('{"schemaVersion":2}') });
    }, /sent sha256:\w+ for manifest sha256:/],
    ['about the size of a manifest', (one) => {
      const { manifest } = one.add('inner', { layers: [low] });
      one.addIndex('1', [{ ...manifest, size: 7, platform: { os: 'linux', architecture: platform() } }]);
    }, /its index says 7 bytes of manifest/],
    ['by an index of indexes without end', (one) => {
      let inner: object = one.add('inner', { layers: [low] }).manifest;
      for (let depth = 0; depth < 9; depth++) inner = one.addIndex('1', [{ ...inner, platform: undefined }]);
    }, /its indexes are nested too deeply/],
    ['by an index that names itself', (one) => {
      one.addIndex('1', [{ mediaType: INDEX_TYPE, digest: sha256('itself'), size: 100 }]);
      one.manifests.set(sha256('itself'), one.manifests.get('1')!);
    }, /sent sha256:\w+ for manifest sha256:/],
    ['about what a document is', (one) => { one.addManifest('1', MANIFEST_TYPE, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] }); }, /it is sent as .*manifest.* and says itself that it is .*index/],
    ['by a document that is an index and a manifest', (one) => { one.addManifest('1', MANIFEST_TYPE, { schemaVersion: 2, manifests: [], layers: [] }); }, /an index and a manifest at once/],
    ['by a web page in the place of a manifest', (one) => { one.addManifest('1', 'text/html', {}); }, /it is sent as text\/html, which is no image manifest/],
    ['by a config of another kind', (one) => { one.add('1', { layers: [low], change: (manifest) => ({ ...manifest, config: { ...manifest.config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } }) }); }, /its config is application\/vnd\.cncf\.helm\.config\.v1\+json: it is an artifact of another kind, not an image/],
    ['by a layer that is none', (one) => { one.add('1', { layers: [low], change: (manifest) => ({ ...manifest, layers: manifest.layers.map((layer) => ({ ...layer, mediaType: 'application/wasm' })) }) }); }, /is application\/wasm, not a layer that can be unpacked/],
    ['about the number of layers', (one) => { one.add('1', { layers: [low], diffIds: [] }); }, /its manifest has 1 layers, its config 0/],
    ['by negative sizes', (one) => { one.add('1', { layers: [low], change: (manifest) => ({ ...manifest, layers: manifest.layers.map((layer) => ({ ...layer, size: -1 })) }) }); }, /layers\.0\.size/],
  ])('%s', async (_, prepare, error) => {
    prepare(registry);
    await expect(pull()).rejects.toThrow(error);
    expect(images.list()).toEqual([]);
    expect([...leftOver(), ...layerFolders()]).toEqual([]);
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['another layer', (response) => response.writeHead(200).end(other), /sent for blob sha256:\w+ (bytes of digest|more than)/],
    ['more than the manifest says', (response) => response.writeHead(200).end(Buffer.concat([low, low])), /more than the \d+ bytes that its manifest says/],
    ['less than the manifest says', (response) => response.writeHead(200, { 'Content-Length': 10 }).end(low.subarray(0, 10)), /10 bytes instead of the \d+ that its manifest says/],
    ['a body that ends early, each time', (response) => response.writeHead(200).end(low.subarray(0, 10)), /sent 10 of the \d+ bytes|range/],
    ['gzip without end', (response) => {
      response.writeHead(200);
      const more = (): void => { while (response.writable && response.write(Buffer.alloc(65536))); };
      response.on('drain', more);
      more();
    }, /more than the \d+ bytes that its manifest says|cannot be unpacked/],
  ])('%s', async (_, answer, error) => {
    const { layers: [layer] } = registry.add('1', { layers: [low], diffIds: [sha256(tar)] });
    serveBlob(layer?.digest ?? '', answer);
    await expect(pull()).rejects.toThrow(error);
    expect(images.list()).toEqual([]);
    expect([...leftOver(), ...layerFolders()]).toEqual([]);
  });

  test('a config that names other diff IDs makes no image', async () => {
    registry.add('1', { layers: [low], diffIds: [sha256(large)] });
    await expect(pull()).rejects.toThrow(/unpacks to sha256:\w+, its image says/);
    expect(images.list()).toEqual([]);
    expect([...leftOver(), ...layerFolders()]).toEqual([]);
  });

  test('a layer that is refused by its first entry, while the rest is still to come, fails its pull alone', async () => {
    const bytes = tarBytes([{ name: '../out', content: randomBytes(4 << 20) }]);
    registry.add('1', { layers: [bytes], diffIds: [sha256(bytes)] });
    registry.intercept = (request, response) => {
      if (request.url?.endsWith(sha256(bytes)) !== true) return false;
      response.writeHead(200, { 'Content-Length': bytes.length }).write(bytes.subarray(0, 300 << 10));
      setTimeout(() => response.end(bytes.subarray(300 << 10)), 150); // the unpacker has ended by then, and nobody waits for it yet
      return true;
    };
    await expect(pull()).rejects.toThrow(/cannot be unpacked: entry \.\.\/out: the name leads out of the layer/);
    expect([images.find(`${registry.host}/app:1`), leftOver(), layerFolders()]).toEqual([null, [], []]);
  });

  test('a bomb ends with the disk full, and nothing of it remains', async () => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
    try {
      images = await openStore({}, disk);
      const bomb = tarBytes([{ name: 'zeros', content: Buffer.alloc(64_000_000) }]);
      registry.add('1', { layers: [gzipSync(bomb)], diffIds: [sha256(bomb)] });
      await expect(pull()).rejects.toThrow(/No space left on device|disk is full/);
      expect(readdirSync(join(disk, 'layers'))).toEqual([]);
      registry.add('2', { layers: [low], diffIds: [sha256(tar)] });
      await pull('app:2');
    } finally {
      await eventually(() => execFileSync('umount', [disk]));
    }
  });
});

describe('a registry that fails', () => {
  test('with 500 at each request of a pull in turn: the next try succeeds', async () => {
    registry.add('1', { layers: [low, large], diffIds: [sha256(tar), sha256(large)] });
    await pull();
    const requests = registry.seen.length;
    for (let at = 0; at < requests; at++) {
      rmSync(join(root, 'images'), { recursive: true });
      rmSync(join(root, 'layers'), { recursive: true });
      images = await openStore();
      let count = 0;
      registry.intercept = (_, response) => {
        if (count++ !== at) return false;
        response.writeHead(500).end();
        return true;
      };
      expect(await pull()).toMatchObject({ changed: true });
    }
    expect(requests).toBe(4);
  });

  test('always: it ends after as many tries as there are, and says so', async () => {
    registry.intercept = (_, response) => { response.writeHead(500, { 'Content-Type': 'application/json' }).end('{"errors":[{"message":"disk\\nfull"}]}'); return true; };
    await expect(pull()).rejects.toThrow(/registry 127.0.0.1:\d+ has failed \(500: disk full\)$/);
    expect(registry.seen).toHaveLength(LIMITS.attempts);
    expect(progress.map(({ part, state, why }) => [part, state, why?.replace(/ 127\S+|in \S+ s/g, '')])).toEqual([2, 3].map((at) => ['', 'retrying', `image registry has failed (500: disk full); retrying  (${at} of 3)`]));
  });

  test('by refusing connections: it ends after as many tries as there are, and says that nothing is there', async () => {
    const { host } = registry;
    registry.close();
    await expect(images.pull(`${host}/app:1`, { credentials: {}, signal: new AbortController().signal, onProgress: (event) => progress.push(event) })).rejects.toThrow(`registry ${host} cannot be reached: nothing listens there`);
    expect(progress.map(({ state, why }) => [state, why?.replace(/ 127\S+|in \S+ s/g, '')])).toEqual([2, 3].map((at) => ['retrying', `registry cannot be reached: nothing listens there; retrying  (${at} of 3)`]));
  });

  test('with what is no HTTP: it is not asked again', async () => {
    registry.intercept = (_, response) => { response.socket?.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm="http://127.0.0.1/\x01"\r\nContent-Length: 0\r\n\r\n'); return true; };
    await expect(pull()).rejects.toThrow(/^registry 127.0.0.1:\d+ answers what is no HTTP \(.*header value char.*\)$/);
    expect(registry.seen).toHaveLength(1);
    expect(progress).toEqual([]);
  });

  test('with 429: it is asked again when it says', async () => {
    registry.add('1', { layers: [low], diffIds: [sha256(tar)] });
    let refusedAt = 0;
    registry.intercept = (_, response) => {
      if (refusedAt > 0) return false;
      refusedAt = Date.now();
      response.writeHead(429, { 'Retry-After': '1' }).end();
      return true;
    };
    await pull();
    expect(Date.now() - refusedAt).toBeGreaterThanOrEqual(990);
  });

  test.each([true, false])('by cutting connections: the rest is asked for by range, or skipped to (ranges: %s)', async (ranges) => {
    const { layers: [layer] } = registry.add('1', { layers: [large] });
    let cuts = 0;
    registry.intercept = (request, response) => {
      if (request.url?.includes(layer?.digest ?? '') !== true) return false;
      const from = ranges ? Number(/\d+/.exec(request.headers.range ?? '0')?.[0]) : 0;
      const whole = cuts === 3;
      response.writeHead(from === 0 ? 200 : 206, { 'Content-Length': large.length - from, ...(from === 0 ? {} : { 'Content-Range': `bytes ${from}-${large.length - 1}/${large.length}` }) });
      if (whole) response.end(large.subarray(from));
      else response.write(large.subarray(from, (++cuts) * 100_000), () => response.destroy());
      return true;
    };
    await pull();
    expect(registry.blobRequests(layer?.digest).slice(1).every(({ range }) => /^bytes=\d+-$/.test(range ?? ''))).toBe(true);
    expect(progress.some(({ state }) => state === 'retrying')).toBe(true);
  });

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['by silence', () => undefined, /did not answer for 1 s/],
    ['by stopping in the middle', (response) => response.writeHead(200).write(large.subarray(0, 100)), /sent \d+ bytes in 0.3 s: it is too slow, or has stopped/],
    ['by kilobytes a minute', (response) => {
      response.writeHead(200);
      let at = 0;
      const timer = setInterval(() => response.write(large.subarray(at, at += 10)), 20);
      response.once('close', () => clearInterval(timer));
    }, /sent \d+ bytes in 0.3 s: it is too slow/],
  ])('%s: the pull ends, and says so', async (_, answer, error) => {
    registry.add('1', { layers: [large] });
    registry.intercept = (request, response) => {
      if (request.url?.includes('/blobs/') !== true || request.url.includes(sha256(large)) !== true) return false;
      answer(response);
      return true;
    };
    await expect(pull()).rejects.toThrow(error);
    expect(registry.blobRequests(sha256(large))).toHaveLength(LIMITS.stalls); // each costs the whole patience
    expect(progress.filter(({ why }) => why !== undefined)).toEqual([expect.objectContaining({ part: sha256(large), state: 'retrying', why: expect.stringMatching(/; retrying in \d\.\d s \(2 of 2\)$/) })]);
    expect([...leftOver(), ...layerFolders()]).toEqual([]);
  });
});

describe('credentials', () => {
  const asks = (challenge: string, accepts: (authorization: string) => boolean) => (registry.intercept = (request, response) => {
    if (request.url?.startsWith('/token') === true || accepts(request.headers.authorization ?? '')) return false;
    response.writeHead(401, { 'WWW-Authenticate': challenge, 'Content-Type': 'application/json' }).end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    return true;
  });
  const basic = `Basic ${Buffer.from('ann:secret').toString('base64')}`;

  test('basic: sent when asked for; without, or with wrong ones, the error says what to do', async () => {
    registry.add('1', { layers: [low], diffIds: [sha256(tar)] });
    asks('Basic realm="x"', (sent) => sent === basic);
    await expect(pull()).rejects.toThrow(`refuses it (401: authentication required); it does not exist, or log in with "bayplan login ${registry.host}"`);
    await expect(pull('app:1', { credentials: { [registry.host]: { username: 'ann', password: 'wrong', identitytoken: '' } } })).rejects.toThrow(/the credentials that were given do not allow it/);
    await pull('app:1', { credentials: user() });
  });

  test('bearer: a token for the repository from the service that the registry names, once for all layers, again when it is refused', async () => {
    registry.add('1', { layers: [low, large], diffIds: [sha256(tar), sha256(large)] });
    let token = 'one';
    asks(`Bearer realm="http://${registry.host}/token",service="reg",scope="x"`, (sent) => sent === `Bearer ${token}`);
    const refuse = registry.intercept;
    registry.intercept = (request, response, serve) => {
      if (request.url?.startsWith('/token') !== true) return refuse(request, response, serve);
      response.writeHead(200).end(JSON.stringify({ token }));
      return true;
    };
    await pull('app:1', { credentials: user() });
    const [asked, ...more] = registry.seen.filter(({ path }) => path.startsWith('/token'));
    expect([asked?.path, asked?.authorization, more]).toEqual(['/token?service=reg&scope=repository%3Aapp%3Apull', basic, []]);
    token = 'two';
    registry.add('2', { layers: [low], diffIds: [sha256(tar)] });
    await pull('app:2', { credentials: user() });
  });

  test('never go to another host by a redirect, nor to a token service without TLS', async () => {
    const elsewhere = await new FakeRegistry().open();
    try {
      const { layers: [layer] } = registry.add('1', { layers: [low], diffIds: [sha256(tar)] });
      elsewhere.add('1', { layers: [low], diffIds: [sha256(tar)] });
      asks('Basic realm="x"', (sent) => sent === basic);
      const refuse = registry.intercept;
      registry.intercept = (request, response, serve) => {
        if (refuse(request, response, serve)) return true;
        if (request.url?.includes(layer?.digest ?? '') !== true) return false;
        response.writeHead(307, { Location: `http://${elsewhere.host}${request.url}` }).end();
        return true;
      };
      await pull('app:1', { credentials: user() });
      expect(elsewhere.seen.map(({ path, authorization }) => [path.includes('/blobs/'), authorization])).toEqual([[true, undefined]]);
      asks('Bearer realm="http://registry.example/token"', () => false);
      await expect(pull('app:2', { credentials: user() })).rejects.toThrow(/names a token service without TLS, http:\/\/registry.example: credentials are not sent there/);
    } finally {
      elsewhere.close();
    }
  });

  test.each([301, 302, 303, 307, 308])('an identity token is not sent on by a redirect of the token service (%i)', async (status) => {
    const elsewhere = await new FakeRegistry().open();
    try {
      asks(`Bearer realm="http://${registry.host}/token"`, () => false);
      const refuse = registry.intercept;
      registry.intercept = (request, response, serve) => {
        if (request.url?.startsWith('/token') !== true) return refuse(request, response, serve);
        response.writeHead(status, { Location: `http://${elsewhere.host}/token` }).end();
        return true;
      };
      await expect(pull('app:1', { credentials: { [registry.host]: { username: 'ann', password: '', identitytoken: 'refresh' } } })).rejects.toThrow(`redirects a request that carries credentials to http://${elsewhere.host}: that is not followed`);
      expect(registry.seen.filter(({ path }) => path.startsWith('/token')).map(({ method }) => method)).toEqual(['POST']);
      expect(elsewhere.seen).toEqual([]);
    } finally {
      elsewhere.close();
    }
  });
});
