import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CredentialsByHost } from '../../src/state/registry-credentials.ts';
import { tarBytes } from '../runtime/image/tar-bytes.ts';
import { DockerRegistry } from './docker-registry.ts';
import { FakeRegistry } from './fake-registry.ts';
import { bayplan, build, gather, Machine, top } from './harness.ts';

const hello = join(build, 'images/hello.tar');
let registry: DockerRegistry;
let machine: Machine;
beforeAll(async () => {
  execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello']);
  registry = await new DockerRegistry().open();
  execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', `docker-archive:${hello}`, `docker://${registry.host}/library/hello:1`]);
});
afterAll(() => registry.close());
beforeEach(() => {
  machine = new Machine();
  configure({ 'docker.io': { mirrors: [`http://${registry.host}`], mirrorsOnly: true } });
});
afterEach(() => machine.dispose());

function configure(registries: object): void {
  mkdirSync(machine.root, { recursive: true });
  writeFileSync(join(machine.root, 'config.json'), JSON.stringify({ version: 1, registries }));
}

/** With `config.json` of Docker's in a folder of its own. */
function dockerConfig(content: object): string {
  const folder = join(machine.folder, 'docker');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(content));
  return folder;
}

const options = (credentials: CredentialsByHost = {}): Parameters<Machine['engine']['images']['pull']>[1] => ({ credentials, signal: new AbortController().signal, onProgress: () => undefined });
const stack = (image: string, more = ''): string => `services: { app: { image: "${image}", command: [sleep, "1000"], stop_signal: SIGKILL${more} } }`;
const skopeo = (...args: string[]): string => execFileSync('skopeo', args, { encoding: 'utf8' });

describe('up', () => {
  test('pulls what is missing from the mirror, tells of each layer, and does nothing the next time', async () => {
    await machine.open();
    const { ok, done, events } = await machine.up(stack('hello:1'));
    expect(ok).toBe(true);
    expect(done).toContain('pull-image hello:1');
    expect(events.flatMap((event) => (event.type === 'progress' ? [event.state] : []))).toEqual(expect.arrayContaining(['waiting', 'downloading', 'done']));
    expect((await machine.up(stack('hello:1'))).done).toEqual([]);
  });

  test('by pull_policy: always asks each time, and makes the container anew only where the image has changed', async () => {
    await machine.open();
    const text = stack('changing:1', ', pull_policy: always').replace('{', '{ side: { image: "changing:2", command: [sleep, "1000"], stop_signal: SIGKILL, pull_policy: always },');
    const pulls = ['pull-image changing:1', 'pull-image changing:2'];
    for (const tag of [1, 2]) skopeo('copy', '-q', '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${registry.host}/library/hello:1`, `docker://${registry.host}/library/changing:${tag}`);
    await machine.up(text);
    expect([...(await machine.up(text)).done].sort()).toEqual(pulls);
    const first = machine.engine.container('demo-app-1').spec.imageId;
    const revisions = async (): Promise<unknown[]> => (await machine.engine.stackHistory('demo')).map(({ revision, changes }) => [revision, changes]);
    expect(await revisions()).toEqual([[1, []]]);
    for (const tag of [1, 2]) skopeo('copy', '-q', '-f', 'oci', '--dest-compress-format=zstd', '--dest-tls-verify=false', `docker-archive:${hello}`, `docker://${registry.host}/library/changing:${tag}`);
    expect((await machine.up(text)).done).toEqual(expect.arrayContaining([...pulls, 'create-container demo-app-1']));
    const renewed = ['app: image: changing:1', 'side: image: changing:2'].map((what) => expect.stringMatching(new RegExp(`^service ${what} was \\w{12} and is \\w{12} now$`)) as string);
    expect(await revisions()).toEqual([[2, renewed], [1, []]]); // what the name stands for is another image: that is another state
    expect([...(await machine.up(text)).done].sort()).toEqual(pulls);
    expect(await revisions()).toHaveLength(2);
    expect(await gather((onEvent) => machine.engine.rollbackStack('demo', { version: 1, revision: null, from: null }, onEvent, new AbortController().signal))).toMatchObject({ ok: true });
    expect(machine.engine.container('demo-app-1').spec.imageId).toBe(first);
    expect(await machine.up(text)).toMatchObject({ ok: true });
    expect(machine.engine.container('demo-app-1').spec.imageId).not.toBe(first);
    const { done } = await machine.up(text.replaceAll('always', 'daily'));
    expect(done).toEqual([]);
  });

  test('by each pull_policy: whether one that is missing is pulled, and whether one that is there is pulled again', async () => {
    await machine.open();
    const policies: Readonly<Record<string, readonly [boolean, boolean]>> = {
      always: [true, true], missing: [true, false], if_not_present: [true, false], build: [true, false], never: [false, false], daily: [true, false], weekly: [true, false],
      every_12h: [true, false], every_1ms: [true, true], refresh: [true, false], 'refresh, pull_refresh_after: 1ms': [true, true],
    };
    const types = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
    const manifest = await fetch(`http://${registry.host}/v2/library/hello/manifests/1`, { headers: { Accept: types } });
    const [type, body] = [manifest.headers.get('content-type') ?? '', await manifest.text()];
    const found: Record<string, readonly [boolean, boolean]> = {};
    for (const [at, policy] of Object.keys(policies).entries()) {
      const image = `hello:policy-${at}`;
      expect((await fetch(`http://${registry.host}/v2/library/hello/manifests/policy-${at}`, { method: 'PUT', headers: { 'Content-Type': type }, body })).status).toBe(201);
      const pulls = async (): Promise<boolean> => {
        const { done } = await machine.up(stack(image, `, pull_policy: ${policy}`));
        expect(done.filter((step) => step.startsWith('pull-image')).length).toBeLessThan(2);
        return done.includes(`pull-image ${image}`);
      };
      const absent = await pulls();
      if (!absent) await machine.engine.images.pull(image, options());
      await machine.up(stack(image, `, pull_policy: ${policy}`));
      found[policy] = [absent, await pulls()];
    }
    expect(found).toEqual(policies);
  });

  test('never pulls where the policy is never, and says how to come by the image', async () => {
    await machine.open();
    const { ok, message } = await machine.up(stack('hello:1', ', pull_policy: never'));
    expect([ok, message]).toEqual([false, 'image hello:1 is not in the store, and its pull_policy is "never": load it with "bayplan load FILE", or pull it with "bayplan pull hello:1"']);
  });

  test('fails in one line for an image that does not exist', async () => {
    await machine.open();
    const { ok, message } = await machine.up(stack('nosuch:1'));
    expect([ok, message]).toEqual([false, `pull-image nosuch:1: image nosuch:1: registry ${registry.host} has no such image (404: manifest unknown)`]);
  });
});

describe('the store', () => {
  test('what was pulled is read by skopeo, and what skopeo wrote is loaded', async () => {
    await machine.open();
    await machine.engine.images.pull('hello:1', options());
    const seen = JSON.parse(skopeo('inspect', `oci:${machine.paths.images}:docker.io/library/hello:1`)) as { Layers: string[] };
    expect(seen.Layers).toEqual((JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/library/hello:1`)) as { Layers: string[] }).Layers);
    expect(readdirSync(machine.paths.images).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
  });

  test('a push is taken, its layers only once, and is pulled again as the same image', async () => {
    await machine.open();
    const { images } = machine.engine;
    await images.pull('hello:1', options());
    const name = `${registry.host}/team/app:2`;
    await images.tag('hello:1', name);
    const states: string[] = [];
    const pushed = await images.push(name, { ...options(), onProgress: ({ state }) => states.push(state) });
    expect(JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${name}`))).toMatchObject({ Digest: pushed.digest });
    expect(states).toContain('done');
    await images.tag('hello:1', `${registry.host}/team/other:1`);
    states.length = 0;
    await images.push(`${registry.host}/team/other:1`, { ...options(), onProgress: ({ state }) => states.push(state) });
    expect(states).toEqual(['waiting', 'mounted']);
    const before = images.find(name)?.id;
    await images.remove(name, true);
    await images.pull(name, options());
    expect(images.find(name)?.id).toBe(before);
  });

  test('an image that was loaded uncompressed can be pushed', async () => {
    await machine.open();
    await machine.loadHello();
    await machine.engine.images.tag('bayplan/hello', `${registry.host}/loaded:1`);
    await machine.engine.images.push(`${registry.host}/loaded:1`, options());
    expect(skopeo('inspect', '--tls-verify=false', `docker://${registry.host}/loaded:1`)).toContain('"Layers"');
  });
});

describe('a registry of its own', () => {
  test('with a password: the command line takes it from Docker\'s config.json, and from a credential helper', async () => {
    const closed = await new DockerRegistry().open({ auth: true });
    try {
      skopeo('copy', '-q', '--dest-tls-verify=false', '--dest-creds=ann:secret', `docker-archive:${hello}`, `docker://${closed.host}/hello:1`);
      const image = `${closed.host}/hello:1`;
      const pull = (config: string, path = process.env['PATH'] ?? ''): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, 'pull', image], { cwd: machine.folder, env: { DOCKER_CONFIG: config, PATH: path } });
      expect(await pull(dockerConfig({}))).toMatchObject({ code: 1, stderr: expect.stringMatching(/refuses it \(401.*log in with "bayplan login 127/) });
      const helper = join(machine.folder, 'docker-credential-test');
      writeFileSync(helper, '#!/bin/sh\n[ "$1" = get ] && server=$(cat) && printf \'{"ServerURL":"%s","Username":"ann","Secret":"secret"}\' "$server"\n');
      chmodSync(helper, 0o755);
      expect(await pull(dockerConfig({ credHelpers: { [closed.host]: 'test' } }), `${machine.folder}:${process.env['PATH'] ?? ''}`)).toMatchObject({ code: 0, stdout: expect.stringContaining(`Downloaded newer image for ${image}`) });
      const config = dockerConfig({ auths: { [closed.host]: { auth: Buffer.from('ann:secret').toString('base64') } } });
      expect(await pull(config)).toMatchObject({ code: 0, stdout: expect.stringContaining(`Image is up to date for ${image}`) });
      expect(await bayplan(['--root', machine.root, 'push', image], { cwd: machine.folder, env: { DOCKER_CONFIG: config } })).toMatchObject({ code: 0, stdout: expect.stringContaining('Layer already exists') });
      expect(spawnSync('grep', ['-rlE', 'secret|YW5uOnNlY3JldA', machine.root, machine.paths.run, '--include=*.json', '--include=*.log'], { encoding: 'utf8' }).stdout).toBe('');
    } finally {
      await bayplan(['--root', machine.root, 'engine', 'stop']);
      await closed.close();
    }
  });

  test('with TLS of its own authority: refused, until the configuration names that', async () => {
    const folder = join(machine.folder, 'tls');
    mkdirSync(folder);
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], { stdio: 'pipe' });
    const secure = await new DockerRegistry().open({ tls: { cert, key } });
    try {
      skopeo('copy', '-q', '--dest-tls-verify=false', `docker-archive:${hello}`, `docker://${secure.host}/library/hello:1`);
      configure({ 'docker.io': { mirrors: [`https://${secure.host}`], mirrorsOnly: true } });
      await machine.open();
      await expect(machine.engine.images.pull('hello:1', options())).rejects.toThrow(`the certificate of registry ${secure.host} is not trusted`);
      await machine.close();
      configure({ 'docker.io': { mirrors: [`https://${secure.host}`], mirrorsOnly: true }, [secure.host]: { ca: cert } });
      await machine.open();
      await machine.engine.images.pull('hello:1', options());
      expect(machine.engine.images.find('hello:1')).not.toBeNull();
      await machine.engine.images.pull(`${secure.host}/library/hello:1`, options());
    } finally {
      await secure.close();
    }
  });
});

test('the engine\'s memory stays far below a layer of 400 MB while that comes', async () => {
  const large = await new FakeRegistry().open();
  try {
    const layer = tarBytes([{ name: 'large', content: Buffer.alloc(400_000_000, 'x') }]);
    large.add('1', { layers: [layer] });
    const cli = async (...args: string[]): Promise<void> => expect(await bayplan(['--root', machine.root, ...args], { cwd: machine.folder })).toMatchObject({ code: 0 });
    await cli('pull', `${large.host}/large:1`);
    const engine = readdirSync('/proc').find((pid) => /^\d+$/.test(pid) && existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`--root\0${machine.root}\0engine\0run`));
    const peakKib = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${engine ?? 'none'}/status`, 'utf8'))?.[1]);
    expect(peakKib).toBeLessThan(150 * 1024);
  } finally {
    await bayplan(['--root', machine.root, 'engine', 'stop']);
    large.close();
  }
});

test('a mistake in the configuration is one line that names the place', async () => {
  configure({ 'docker.io': { mirror: ['http://x'] } });
  await expect(machine.open()).rejects.toThrow(`${join(machine.root, 'config.json')}: registries.docker.io: Unrecognized key: "mirror"; correct the engine's configuration, or remove the file`);
  configure({ 'docker.io': { mirrors: ['ftp://x'] } });
  await expect(machine.open()).rejects.toThrow('registries.docker.io.mirrors.0: expected an address');
  rmSync(join(machine.root, 'config.json'));
  await machine.open();
  expect(existsSync(machine.paths.images) && readFileSync(join(machine.paths.images, 'oci-layout'), 'utf8')).toContain('1.0.0');
});
