import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { container, FakeEngine, record } from '../api/fake-engine.ts';
import { dockerClient, dockerMissing } from './docker-client.ts';
import { describeWherePresent } from '../where-present.ts';

// The stock docker client against the API. The engine behind it is a small one, so that this is about what goes over the socket.

describeWherePresent([dockerMissing], 'the docker client', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-docker-'));
  const socket = join(folder, 'engine.sock');
  const engine = new FakeEngine();
  const server = createApi(engine);
  const docker = dockerClient(socket, folder);

  beforeAll(async () => serve(server, socket));
  beforeEach(() => {
    engine.calls.length = 0;
    engine.all.set('shop-web-1', container(1, 'web'));
    engine.all.set('shop-db-1', container(2, 'db', { phase: 'exited', exitCode: 3, finishedAt: Date.now() - 5_100 }));
    engine.records.set('shop-web-1', [record(1000, 'stdout', 'to stdout\n'), record(2000, 'stderr', 'to stderr\n')]);
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  test('negotiates the version', async () => {
    const [server, negotiated, newest] = (await docker(['version', '--format', '{{.Server.Version}} {{.Client.APIVersion}} {{.Client.DefaultAPIVersion}}'])).out.trim().split(' ');
    expect([server, negotiated]).toEqual(['9.9.9', Number(newest?.slice(2)) < 51 ? newest : '1.51']); // a client of before it speaks what it can
    expect((await docker(['version'])).out).toContain('bayplan');
    expect((await docker(['info', '--format', '{{.Containers}} {{.ContainersRunning}}'])).out).toBe('2 1\n');
  });

  test('ps', async () => {
    expect((await docker(['ps', '--format', '{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}|{{.Ports}}|{{.State}}'])).out)
      .toBe('shop-web-1|nginx:1|"/entry serve"|Up About a minute (healthy)|0.0.0.0:8080->80/tcp|running\n');
    expect((await docker(['ps', '-aq', '--filter', 'status=exited'])).out).toBe(`${'2'.repeat(12)}\n`);
    expect((await docker(['ps', '-q', '--filter', 'label=com.docker.compose.project=none'])).out).toBe('');
  });

  test('inspect, of each kind', async () => {
    expect((await docker(['inspect', '-f', '{{.Name}} {{.State.Status}} {{.Config.Env}} {{(index .NetworkSettings.Networks "shop_default").IPAddress}}', 'shop-web-1'])).out)
      .toBe('/shop-web-1 running [A=own PATH=/bin] 10.9.0.2\n');
    expect((await docker(['image', 'inspect', '-f', '{{.Config.Cmd}}', 'nginx:1'])).out).toBe('[serve]\n');
    expect((await docker(['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'shop_default'])).out).toBe('10.9.0.0/24\n');
    expect((await docker(['volume', 'inspect', '-f', '{{.Mountpoint}}', 'shop_data'])).out).toBe('/fake/v\n');
    expect(await docker(['inspect', '--type', 'container', 'none'])).toMatchObject({ status: 1, err: expect.stringContaining('No such container: none') });
  });

  test('lists images, networks and volumes', async () => {
    expect((await docker(['images', '--format', '{{.Repository}}:{{.Tag}}'])).out).toBe('nginx:1\n');
    expect((await docker(['network', 'ls', '--format', '{{.Name}} {{.Driver}}'])).out).toBe('bridge bridge\nhost host\nnone null\nshop_default bridge\n');
    expect((await docker(['volume', 'ls', '-q'])).out).toBe('shop_data\n');
  });

  test('logs keeps the two streams apart', async () => {
    engine.change('shop-web-1', { phase: 'exited' });
    expect(await docker(['logs', 'shop-web-1'])).toEqual({ status: 0, out: 'to stdout\n', err: 'to stderr\n' });
    expect((await docker(['logs', '--tail', '1', '-t', 'shop-web-1'])).err).toBe('1970-01-01T00:00:02.000000000Z to stderr\n');
    expect((await docker(['logs', '-f', 'shop-web-1'])).out).toBe('to stdout\n');
  });

  test('exec passes stdin, both outputs and the exit status', async () => {
    expect(await docker(['exec', '-i', 'shop-web-1', 'sh', '-c', 'cat; echo bad >&2; exit 7'], 'typed')).toMatchObject({ status: 7, out: 'typed', err: expect.stringContaining('bad') });
    expect(await docker(['exec', 'shop-web-1', 'echo', 'hi'])).toMatchObject({ status: 0, out: 'hi\n' });
    expect(await docker(['exec', 'shop-db-1', 'true'])).toMatchObject({ status: 1, err: expect.stringContaining('is not running') });
    expect((await docker(['exec', '-d', 'shop-web-1', 'true'])).status).toBe(0);
  });

  test('stop, kill, start and wait', async () => {
    const waiting = docker(['wait', 'shop-web-1']);
    expect((await docker(['stop', '-t', '1', 'shop-web-1'])).out).toBe('shop-web-1\n');
    expect((await waiting).out).toBe('143\n');
    expect(await docker(['kill', 'shop-web-1'])).toMatchObject({ status: 1, err: expect.stringContaining('is not running') });
    expect((await docker(['start', 'shop-web-1'])).status).toBe(0);
    expect(engine.calls).toEqual(['stop shop-web-1 null 1000', 'start shop-web-1']);
  });

  test('load shows what was loaded', async () => {
    expect((await docker(['load'], 'some archive')).out).toBe('Loaded image: nginx:1\n');
    expect(await docker(['load'], 'x')).toMatchObject({ status: 1, err: expect.stringContaining('the archive is truncated') });
  });
});
