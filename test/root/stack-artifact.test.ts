import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { MANIFEST_TYPE } from '../../src/runtime/image/oci.ts';
import { LIMITS } from '../../src/runtime/image/registry/limits.ts';
import { RegistryClient } from '../../src/runtime/image/registry/registry-client.ts';
import type { StackArtifact } from '../../src/state/stack-artifact.ts';
import { sha256 } from '../runtime/image/tar-bytes.ts';
import { DockerRegistry } from './docker-registry.ts';
import { FakeRegistry } from './fake-registry.ts';
import { bayplan, Machine } from './harness.ts';

// Stacks that were published to a registry, as docker compose publishes them.
const STACK_FILE = 'application/vnd.docker.compose.file+yaml';
const ENV_FILE = 'application/vnd.docker.compose.envfile';
const PROJECT = 'application/vnd.docker.compose.project';

interface Part { readonly type: string; readonly text: string; readonly annotations: Readonly<Record<string, string>> }
const file = (text: string, name = 'compose.yaml'): Part => ({ type: STACK_FILE, text, annotations: { 'com.docker.compose.file': name } });
const envFile = (text: string, name: string): Part => ({ type: ENV_FILE, text, annotations: { 'com.docker.compose.envfile': name } });
const describing = ({ type, text, annotations }: Part): object => ({ mediaType: type, digest: sha256(Buffer.from(text)), size: Buffer.byteLength(text), annotations });
const manifestOf = (parts: readonly Part[], more: object = { artifactType: PROJECT }): object => ({
  schemaVersion: 2, mediaType: MANIFEST_TYPE, config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(Buffer.from('{}')), size: 2 }, layers: parts.map(describing), ...more,
});

describe('what a registry has', () => {
  let registry: FakeRegistry;
  beforeEach(async () => { registry = await new FakeRegistry().open(); });
  afterEach(() => { registry.close(); });

  const publish = (parts: readonly Part[], more?: object): void => {
    for (const { text } of parts) registry.blobs.set(sha256(Buffer.from(text)), Buffer.from(text));
    registry.addManifest('1', MANIFEST_TYPE, manifestOf(parts, more));
  };
  const fetched = async (reference = ':1'): Promise<StackArtifact> => await new RegistryClient({}, { ...LIMITS, attempts: 1 }).stackArtifact(`${registry.host}/a/shop${reference}`, {}, new AbortController().signal);
  const files = async (reference?: string): Promise<unknown> => Object.fromEntries(Object.entries((await fetched(reference)).files).map(([name, content]) => [name, Buffer.from(content, 'base64').toString()]));

  test('is one folder: stack files in one, extended ones and env files beside it', async () => {
    publish([file('a: 1\n'), file('b: 2\n', 'over.yaml'), envFile('A=b\n', 'x.env'), { ...file('c: 3\n', 'base.yaml'), annotations: { 'com.docker.compose.file': 'base.yaml', 'com.docker.compose.extends': 'true' } }]);
    expect(await files()).toEqual({ 'compose.yaml': 'a: 1\n\n---\nb: 2\n', 'x.env': 'A=b\n', 'base.yaml': 'c: 3\n' });
    const { digest } = await fetched();
    expect(await files(`@${digest}`)).toEqual(await files());
    await expect(files(`@sha256:${'0'.repeat(64)}`)).rejects.toThrow(/404|not found|unknown/i);
  });

  test('may be named by an index, or be of before artifact types', async () => {
    publish([file('a: 1\n')], { config: { mediaType: 'application/vnd.docker.compose.config.empty.v1+json', digest: sha256(Buffer.from('{}')), size: 2 } });
    expect(await files()).toEqual({ 'compose.yaml': 'a: 1\n' });
    publish([file('b: 1\n')]);
    const manifest = registry.addManifest('inner', MANIFEST_TYPE, manifestOf([file('b: 1\n')]));
    registry.addIndex('app', [{ mediaType: MANIFEST_TYPE, digest: sha256(Buffer.from('x')), size: 1 }, { ...manifest, artifactType: PROJECT }]);
    expect(await files(':app')).toEqual({ 'compose.yaml': 'b: 1\n' });
    registry.addIndex('none', [manifest]);
    await expect(files(':none')).rejects.toThrow('its index names no stack that was published');
  });

  test.each<[string, readonly Part[], object | undefined, string]>([
    ['an image', [file('a: 1\n')], { artifactType: undefined }, 'it is no stack that was published, but an image'],
    ['another artifact', [file('a: 1\n')], { artifactType: 'application/x' }, 'it is no stack that was published, but application/x'],
    ['nothing', [], undefined, 'it has no stack file'],
    ['a file above', [file('a: 1\n'), envFile('A=b', '../x')], undefined, '"../x" is no name of a file in its folder'],
    ['a folder', [file('a: 1\n'), envFile('A=b', '..')], undefined, '".." is no name of a file in its folder'],
    ['no name', [file('a: 1\n'), { ...envFile('A=b', ''), annotations: {} }], undefined, 'has no name'],
    ['many files', Array.from({ length: 101 }, (_, at) => envFile(String(at), `f${at}`)), undefined, 'it has 101 files'],
  ])('is refused where it is or has %s', async (_what, parts, more, message) => {
    publish(parts, more);
    await expect(fetched()).rejects.toThrow(message);
  });

  test('is checked by its digests', async () => {
    publish([file('a: 1\n')]);
    registry.blobs.set(sha256(Buffer.from('a: 1\n')), Buffer.from('b: 1\n'));
    await expect(fetched()).rejects.toThrow(/sent sha256:[0-9a-f]+ for blob sha256:/);
  });
});

describe('the command line', () => {
  const machine = new Machine();
  let registry: DockerRegistry;
  const cache = join(machine.folder, 'cache');
  const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, ...args], { cwd: machine.folder, env: { XDG_CACHE_HOME: cache, HOME: machine.folder } });

  beforeAll(async () => {
    registry = await new DockerRegistry().open();
    await machine.open();
    await machine.loadHello();
    await machine.close();
    await publish('stacks/shop', '1', [file('services:\n  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none, env_file: web.env }\n'), envFile('A=published\n', 'web.env')]);
  });
  afterAll(async () => {
    await own('-p', 'shop', 'down');
    await bayplan(['--root', machine.root, 'engine', 'stop']);
    await machine.dispose();
    await registry.close();
  });

  async function publish(repository: string, tag: string, parts: readonly Part[]): Promise<void> {
    const base = `http://${registry.host}/v2/${repository}`;
    for (const text of ['{}', ...parts.map((part) => part.text)]) {
      const started = await fetch(`${base}/blobs/uploads/`, { method: 'POST' });
      const at = new URL(started.headers.get('location') ?? '', base);
      at.searchParams.set('digest', sha256(Buffer.from(text)));
      expect((await fetch(at, { method: 'PUT', body: text, headers: { 'Content-Type': 'application/octet-stream' } })).status).toBe(201);
    }
    expect((await fetch(`${base}/manifests/${tag}`, { method: 'PUT', body: JSON.stringify(manifestOf(parts)), headers: { 'Content-Type': MANIFEST_TYPE } })).status).toBe(201);
  }

  test('brings up a stack from a registry, which is called as its repository is', async () => {
    const name = `oci://${registry.host}/stacks/shop:1`;
    expect(await own('-f', name, 'up', '-d')).toMatchObject({ code: 0, stderr: '' });
    expect(await own('-f', name, 'plan')).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
    expect(await own('-f', name, 'exec', 'web', 'sh', '-c', 'echo $A')).toMatchObject({ stdout: 'published\n' });
    const [digest = ''] = readdirSync(join(cache, 'bayplan/oci'));
    expect(readFileSync(join(cache, 'bayplan/oci', digest, 'shop/web.env'), 'utf8')).toBe('A=published\n');
  });

  test('includes and extends what a registry has, and says at its place what cannot be had', async () => {
    const name = `oci://${registry.host}/stacks/shop:1`;
    const local = join(machine.folder, 'compose.yaml');
    writeFileSync(local, `name: mine\ninclude: ["${name}"]\nservices:\n  more: { extends: { file: "${name}", service: web }, user: me }\n`);
    const printed = await own('-f', local, 'config', '--format', 'json');
    expect(JSON.parse(printed.stdout)).toMatchObject({ services: { web: { environment: { A: 'published' } }, more: { user: 'me', environment: { A: 'published' } } } });
    writeFileSync(local, `include: ["oci://${registry.host}/stacks/none:1"]\n`);
    expect(await own('-f', local, 'config')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^\S+compose\.yaml:1:11: include: oci:\/\/\S+\/none:1: stack \S+\/none:1.*(not|unknown)/) });
    expect(await own('-f', 'oci://bad name', 'config')).toMatchObject({ code: 1, stderr: expect.stringContaining('-f: oci://bad name: image "bad name"') });
    expect(existsSync(join(cache, 'bayplan/oci/none'))).toBe(false);
  });
});
