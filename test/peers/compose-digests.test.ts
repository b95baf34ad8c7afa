import type { Server } from 'node:http';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { DockerRegistry } from '../root/docker-registry.ts';
import { bayplan, Machine } from '../root/harness.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { compose, composeMissing } from './docker-compose.ts';

// Docker compose asks an engine for digests: here ours (`GET /distribution/NAME/json`), of Debian's docker-registry.
describeWherePresent([composeMissing, rootMissing], 'config with digests', () => {
  const machine = new Machine();
  let registry: DockerRegistry;
  let server: Server;
  let digest = '';

  beforeAll(async () => {
    registry = await new DockerRegistry().open();
    server = createApi(await machine.open());
    await serve(server, machine.paths.socket);
    await machine.loadHello();
    for (const name of ['hello:1', 'other:latest']) {
      await machine.engine.images.tag('bayplan/hello', `${registry.host}/team/${name}`);
      ({ digest } = await machine.engine.images.push(`${registry.host}/team/${name}`, { credentials: {}, signal: new AbortController().signal, onProgress: () => undefined }));
    }
    writeFileSync(join(machine.folder, 'compose.yaml'), `
name: pins
services:
  web: {image: "${registry.host}/team/hello:1", ports: ["80"], labels: {a: b}}
  same: {image: "${registry.host}/team/other", volumes: ["data:/d"]}
  pinned: {image: "${registry.host}/team/hello:1@${digest}"}
  built: {build: .}
volumes: {data: }
`);
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await machine.dispose();
    await registry.close();
  });

  const ours = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, 'config', ...args], { cwd: machine.folder });
  const theirs = async (...args: readonly string[]): Promise<string | null> => (await compose(['config', ...args], machine.folder, { DOCKER_HOST: `unix://${machine.paths.socket}` })).out;

  test.each([['--resolve-image-digests'], ['--resolve-image-digests', '--format', 'json'], ['--lock-image-digests'], ['--resolve-image-digests', '--lock-image-digests', '--format', 'json']])('%s %s %s %s', async (...args) => {
    const { code, stdout } = await ours(...args);
    expect(code).toBe(0);
    expect(stdout).toContain(`team/hello:1@${digest}`);
    expect(stdout.trimEnd()).toBe((await theirs(...args))?.replace('  "name": "",\n', '').trimEnd()); // no name is no name
  });

  test('what is printed to be laid over the file means the same images, and skopeo has the same digest', async () => {
    writeFileSync(join(machine.folder, 'pins.yaml'), (await ours('--lock-image-digests')).stdout);
    const both = await bayplan(['--root', machine.root, '-f', 'compose.yaml', '-f', 'pins.yaml', 'config'], { cwd: machine.folder });
    expect(both).toMatchObject({ code: 0, stdout: (await ours('--resolve-image-digests')).stdout });
    expect(JSON.parse(execFileSync('skopeo', ['inspect', '--tls-verify=false', `docker://${registry.host}/team/hello:1`], { encoding: 'utf8' }))).toMatchObject({ Digest: digest });
  });

  test('images that are mounted, and those of hooks, as later versions do', async () => {
    writeFileSync(join(machine.folder, 'more.yaml'), `
name: more
services:
  web: {image: "${registry.host}/team/hello:1", volumes: [{type: image, source: "${registry.host}/team/other", target: /o}, {type: image, source: web, target: /w}], pre_start: [{image: "${registry.host}/team/other", command: "true"}, {command: "true"}]}
`);
    const { services } = JSON.parse((await bayplan(['--root', machine.root, '-f', 'more.yaml', 'config', '--resolve-image-digests', '--format', 'json'], { cwd: machine.folder })).stdout);
    const other = `${registry.host}/team/other:latest@${digest}`;
    expect([services.web.volumes, services.web.pre_start]).toMatchObject([[{ source: other }, { source: 'web' }], [{ image: other }, {}]]);
    const { stdout } = await bayplan(['--root', machine.root, '-f', 'more.yaml', 'config', '--lock-image-digests'], { cwd: machine.folder });
    expect([stdout.includes(`source: ${other}`), stdout.includes('pre_start')]).toEqual([true, false]);
  });

  test('an image that the registry does not have is named', async () => {
    writeFileSync(join(machine.folder, 'missing.yaml'), `services: {web: {image: "${registry.host}/team/hello:9"}}\n`);
    expect(await bayplan(['--root', machine.root, '-f', 'missing.yaml', 'config', '--resolve-image-digests'], { cwd: machine.folder }))
      .toMatchObject({ code: 1, stdout: '', stderr: `bayplan: image ${registry.host}/team/hello:9: registry ${registry.host} has no such image (404: manifest unknown)\n` });
  });
});
