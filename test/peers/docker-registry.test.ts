import { execFileSync } from 'node:child_process';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { DockerRegistry } from '../root/docker-registry.ts';
import { FakeRegistry } from '../root/fake-registry.ts';
import { build, Machine } from '../root/harness.ts';
import { tarBytes } from '../runtime/image/tar-bytes.ts';
import { dockerClient, dockerMissing, type Ended } from './docker-client.ts';
import { describeWherePresent } from '../where-present.ts';

// The stock docker client, our engine, and Debian's docker-registry, which lets nobody in without a password.

describeWherePresent([dockerMissing], 'docker login, push and pull', () => {
  const machine = new Machine();
  let registry: DockerRegistry;
  let server: Server;
  let docker: (args: readonly string[], input?: string | Buffer) => Promise<Ended>;

  beforeAll(async () => {
    registry = await new DockerRegistry().open({ auth: true });
    server = createApi(await machine.open());
    await serve(server, machine.paths.socket);
    docker = dockerClient(machine.paths.socket, machine.folder);
    await machine.loadHello();
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await machine.dispose();
    await registry.close();
  });

  test('in this order; before it, and with a wrong password, they are refused', async () => {
    const image = `${registry.host}/team/hello:1`;
    expect(await docker(['tag', 'bayplan/hello', image])).toMatchObject({ status: 0 });
    const refused = await docker(['push', image]);
    expect([refused.status, refused.err]).toEqual([1, expect.stringContaining('refuses it (401)')]);
    const wrong = await docker(['login', '-u', 'ann', '--password-stdin', registry.host], 'wrong');
    expect([wrong.status, wrong.err]).toEqual([1, expect.stringContaining(`registry ${registry.host} does not take these credentials`)]);
    expect(await docker(['login', '-u', 'ann', '--password-stdin', registry.host], 'secret')).toMatchObject({ status: 0, out: expect.stringContaining('Login Succeeded') });
    const pushed = await docker(['push', image]);
    expect([pushed.status, pushed.out]).toEqual([0, expect.stringMatching(/Pushed[^]*1: digest: sha256:\w{64} size: \d+/)]);
    const digest = /digest: (sha256:\w+)/.exec(pushed.out)?.[1] ?? '';
    expect(JSON.parse(execFileSync('skopeo', ['inspect', '--tls-verify=false', '--creds=ann:secret', `docker://${image}`], { encoding: 'utf8' }))).toMatchObject({ Digest: digest });

    const id = (await docker(['inspect', '-f', '{{.Id}}', image])).out;
    expect(await docker(['rmi', '-f', image, 'bayplan/hello'])).toMatchObject({ status: 0 });
    const pulled = await docker(['pull', image]);
    expect([pulled.status, pulled.out]).toEqual([0, expect.stringMatching(new RegExp(`Pull complete[^]*Digest: ${digest}[^]*Downloaded newer image for ${image}`))]);
    expect((await docker(['inspect', '-f', '{{.Id}}', image])).out).toBe(id);
    expect((await docker(['pull', image])).out).toContain('Image is up to date');
    expect((await docker(['pull', `${registry.host}/team/hello@${digest}`])).status).toBe(0);
    const missing = await docker(['pull', `${registry.host}/team/hello:2`]);
    expect([missing.status, missing.err]).toEqual([1, expect.stringContaining('has no such image (404: manifest unknown)')]);
  });

  test('an image that was pulled and one that is loaded are the same', async () => {
    expect(await docker(['load', '-i', join(build, 'images/hello.tar')])).toMatchObject({ status: 0 });
    expect(new Set((await docker(['images', '--no-trunc', '--format', '{{.ID}}'])).out.trim().split('\n')).size).toBe(1);
  });

  test('all tags of an image are pulled at once, and one is where a tag is left out', async () => {
    const name = `${registry.host}/team/many`;
    for (const tag of ['1', '2', 'latest']) {
      expect(await docker(['tag', 'bayplan/hello', `${name}:${tag}`])).toMatchObject({ status: 0 });
      expect(await docker(['push', `${name}:${tag}`])).toMatchObject({ status: 0 });
      expect(await docker(['rmi', `${name}:${tag}`])).toMatchObject({ status: 0 });
    }
    const tags = async (): Promise<readonly string[]> => (await docker(['images', '--format', '{{.Tag}}', name])).out.trim().split('\n').sort();
    expect(await docker(['pull', name])).toMatchObject({ status: 0 });
    expect(await tags()).toEqual(['latest']);
    expect(await docker(['pull', '-a', name])).toMatchObject({ status: 0, out: expect.stringMatching(new RegExp(`2: Pulling from team/many[^]*Status: Downloaded newer image for ${name}\\n`)) });
    expect(await tags()).toEqual(['1', '2', 'latest']);
    expect((await docker(['pull', '-a', name])).out).toContain(`Image is up to date for ${name}\n`);
    expect(await docker(['pull', '-a', `${registry.host}/team/nosuch`])).toMatchObject({ status: 1, err: expect.stringContaining('has no such image (404') });
  });

  test('tags that come in pages are all pulled, and a next page at another host is not asked for', async () => {
    const paged = await new FakeRegistry().open();
    try {
      const pages = new Map([['', { tags: ['a'], next: '/v2/app/tags/list?last=a' }], ['?last=a', { tags: ['b'], next: '?last=b' }], ['?last=b', { tags: null, next: '' }]]);
      for (const tag of ['a', 'b']) paged.add(tag, { layers: [tarBytes([{ name: tag, content: Buffer.from(tag) }])] });
      paged.intercept = ({ url = '' }, response) => {
        const page = pages.get(/^\/v2\/app\/tags\/list(.*)$/.exec(url)?.[1] ?? 'none');
        if (page === undefined) return false;
        response.writeHead(200, page.next === '' ? {} : { Link: `<${page.next}>; rel="next"` }).end(JSON.stringify({ name: 'app', tags: page.tags }));
        return true;
      };
      expect(await docker(['pull', '-a', `${paged.host}/app`])).toMatchObject({ status: 0 });
      expect((await docker(['images', '--format', '{{.Tag}}', `${paged.host}/app`])).out.trim().split('\n').sort()).toEqual(['a', 'b']);
      pages.set('', { tags: ['a'], next: `http://${registry.host}/v2/app/tags/list` });
      expect(await docker(['pull', '-a', `${paged.host}/app`])).toMatchObject({ status: 1, err: expect.stringContaining('has the next page of its tags elsewhere') });
    } finally {
      paged.close();
    }
  });
});
