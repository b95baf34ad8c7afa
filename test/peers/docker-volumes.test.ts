import { existsSync, readdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { Machine } from '../root/harness.ts';
import { dockerClient, dockerMissing, type Ended } from './docker-client.ts';
import { describeWherePresent } from '../where-present.ts';

// `docker volume` of the stock client against a real engine.

const STACK = `
services:
  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none, volumes: ["data:/data", "/anonymous"] }
volumes: { data: { labels: { kind: orders } } }
`;

describeWherePresent([dockerMissing], 'docker volume', () => {
  const machine = new Machine();
  let server: Server;
  let docker: (args: readonly string[]) => Promise<Ended>;
  const out = async (...args: readonly string[]): Promise<string> => {
    const ended = await docker(['volume', ...args]);
    expect(ended).toMatchObject({ status: 0, err: '' });
    return ended.out.trimEnd();
  };

  beforeAll(async () => {
    server = createApi(await machine.open());
    await serve(server, machine.paths.socket);
    docker = dockerClient(machine.paths.socket, machine.folder);
    await machine.loadHello();
    expect(await machine.up(STACK)).toMatchObject({ ok: true });
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await machine.dispose();
  });

  test('create, ls and inspect', async () => {
    expect(await out('create', '--label', 'kind=mine', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m', 'mine')).toBe('mine');
    expect(await out('create', 'mine', '-o', 'type=tmpfs', '-o', 'device=tmpfs', '-o', 'o=size=1m')).toBe('mine');
    expect(await out('create')).toMatch(/^[0-9a-f]{64}$/);
    expect((await out('ls', '-q')).split('\n')).toHaveLength(4);
    expect(await out('ls', '--filter', 'label=kind', '--format', '{{.Driver}} {{.Name}}')).toBe('local demo_data\nlocal mine');
    expect(await out('inspect', '-f', '{{.Options}} {{.Labels.kind}} {{.Mountpoint}}', 'mine')).toBe(`map[device:tmpfs o:size=1m type:tmpfs] mine ${machine.root}/volumes/mine/_data`);
    expect(await docker(['volume', 'inspect', 'none'])).toMatchObject({ status: 1, err: expect.stringContaining('no such volume') });
  });

  test('refuses what cannot be', async () => {
    expect((await docker(['volume', 'create', '../x'])).err).toContain('a name begins with a letter or digit');
    expect((await docker(['volume', 'create', '-o', 'colour=red', 'x'])).err).toContain('unknown option "colour" of driver "local"');
    expect((await docker(['volume', 'create', '-o', 'type=nfs', 'mine'])).err).toContain('expected "device" beside "type"');
    expect((await docker(['volume', 'create', '-d', 'rexray', 'x'])).err).toContain('plugin "rexray" not found');
    expect((await docker(['volume', 'create', 'mine'])).err).toContain('volume mine exists with another driverOpts');
    expect((await docker(['volume', 'rm', 'demo_data'])).err).toContain('volume is in use by demo-web-1');
    expect(existsSync(machine.engine.volumes.mountpoint('demo_data'))).toBe(true);
  });

  test('rm and prune take what nobody uses', async () => {
    const anonymous = Object.values(machine.engine.container('demo-web-1').status?.anonymousVolumes ?? {});
    expect(await out('ls', '-q', '--filter', 'dangling=false')).toBe([...anonymous, 'demo_data'].sort().join('\n'));
    expect(await out('rm', 'mine')).toBe('mine');
    expect(await docker(['volume', 'rm', 'mine'])).toMatchObject({ status: 1, err: expect.stringContaining('no such volume') });
    expect(await docker(['volume', 'rm', '-f', 'mine'])).toMatchObject({ status: 0 });
    await out('create', 'gone');
    rmSync(join(machine.paths.volumes, 'gone'), { recursive: true }); // by somebody who did not ask
    expect(await out('rm', 'gone')).toBe('gone');
    await out('create', '--label', 'kind=kept', 'named');
    expect(await out('prune', '-f')).toMatch(/^Deleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: 0B$/);
    expect(await out('prune', '-af', '--filter', 'label!=kind=kept')).toBe('Total reclaimed space: 0B');
    expect(await out('prune', '-af', '--filter', 'label=kind=kept')).toBe('Deleted Volumes:\nnamed\n\nTotal reclaimed space: 0B');
    expect(readdirSync(machine.paths.volumes).sort()).toEqual([...anonymous, 'demo_data'].sort());
  });
});
