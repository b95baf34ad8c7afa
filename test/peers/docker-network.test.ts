import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { container, FakeEngine } from '../api/fake-engine.ts';
import { dockerClient, dockerMissing } from './docker-client.ts';
import { describeWherePresent } from '../where-present.ts';

// The engine behind it is a small one, so that this is about what goes over the socket.
describeWherePresent([dockerMissing], 'docker network', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-docker-network-'));
  const engine = new FakeEngine();
  const server = createApi(engine);
  const docker = dockerClient(join(folder, 'engine.sock'), folder);

  beforeAll(async () => {
    engine.all.set('shop-web-1', container(1, 'web'));
    await serve(server, join(folder, 'engine.sock'));
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });

  test('create sends what was asked for, and answers an id', async () => {
    const made = await docker(['network', 'create', '--ipv6', '--internal', '--attachable', '--subnet', '10.10.0.0/24', '--gateway', '10.10.0.9', '--ip-range', '10.10.0.128/25', '--aux-address', 'r=10.10.0.8',
      '-o', 'com.docker.network.driver.mtu=1400', '--label', 'a=b', 'made']);
    expect(made).toMatchObject({ status: 0, out: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
    expect(engine.made.get('made')).toMatchObject({
      stack: '', spec: {
        driver: 'bridge', internal: true, attachable: true, ipv6: true, options: { 'com.docker.network.driver.mtu': '1400' }, labels: { a: 'b' },
        ipam: [{ subnet: '10.10.0.0/24', gateway: '10.10.0.9', ipRange: '10.10.0.128/25', auxAddresses: { r: '10.10.0.8' } }],
      },
    });
    expect(await docker(['network', 'create', '--subnet', '10.11.0.0/24', '--subnet', 'fd00:11::/64', 'two'])).toMatchObject({ status: 0 });
    expect(engine.made.get('two')?.spec.ipam.map(({ subnet }) => subnet).sort()).toEqual(['10.11.0.0/24', 'fd00:11::/64']); // the client sends them in any order
    expect(await docker(['network', 'rm', 'two'])).toMatchObject({ status: 0 });
    expect(await docker(['network', 'create', 'made'])).toMatchObject({ status: 1, err: expect.stringContaining('network with name made already exists') });
    expect(await docker(['network', 'create', '-d', 'overlay', 'x'])).toMatchObject({ status: 1, err: expect.stringContaining('network driver "overlay" is not there') });
  });

  test('ls filters, inspect shows', async () => {
    const names = async (...filters: readonly string[]): Promise<string> => (await docker(['network', 'ls', '--format', '{{.Name}}', ...filters.flatMap((filter) => ['--filter', filter])])).out;
    expect(await names()).toBe('bridge\nhost\nmade\nnone\nshop_default\n');
    expect(await names('label=a=b')).toBe('made\n');
    expect(await names('dangling=true')).toBe('made\n');
    expect(await names('dangling=false', 'driver=bridge')).toBe('bridge\nshop_default\n');
    expect(await names('type=builtin')).toBe('bridge\nhost\nnone\n');
    expect((await docker(['network', 'inspect', '-f', '{{.EnableIPv6}} {{.Internal}} {{.Labels}}', 'made'])).out).toBe('true true map[a:b]\n');
    expect((await docker(['network', 'inspect', '-f', '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}', 'shop_default'])).out).toBe('shop-web-1 10.9.0.2/24\n');
  });

  test('rm and prune take what nobody is on', async () => {
    expect(await docker(['network', 'rm', 'shop_default'])).toMatchObject({ status: 1, err: expect.stringContaining('in use by shop-web-1') });
    expect(await docker(['network', 'rm', 'nobody'])).toMatchObject({ status: 1, err: expect.stringContaining('network nobody not found') });
    expect((await docker(['network', 'create', 'other'])).status).toBe(0);
    expect((await docker(['network', 'rm', 'other'])).out).toBe('other\n');
    expect((await docker(['network', 'prune', '-f', '--filter', 'label!=a'])).out).not.toContain('made');
    expect((await docker(['network', 'prune', '-f'])).out).toContain('made');
    expect([...engine.made.keys()]).toEqual(['shop_default']);
  });

  test('connect sends how, disconnect whom, and both say what is wrong', async () => {
    expect((await docker(['network', 'create', 'beside'])).status).toBe(0);
    expect(await docker(['network', 'connect', '--alias', 'x', '--ip', '10.10.0.7', '--ip6', 'fd00::7', '--link-local-ip', '169.254.1.1', '--gw-priority', '3', '--driver-opt', 'com.docker.network.endpoint.ifname=up0', 'beside', 'shop-web-1']))
      .toEqual({ status: 0, out: '', err: '' });
    expect(await docker(['network', 'disconnect', '-f', 'beside', 'shop-web-1'])).toEqual({ status: 0, out: '', err: '' });
    const [connected = '', disconnected] = engine.calls.slice(-2);
    expect(connected).toMatch(/^connect shop-web-1 beside /);
    expect(JSON.parse(connected.slice('connect shop-web-1 beside '.length))).toMatchObject({
      aliases: ['x'], ipv4Address: '10.10.0.7', ipv6Address: 'fd00::7', linkLocalIps: ['169.254.1.1'], gatewayPriority: 3, driverOpts: { 'com.docker.network.endpoint.ifname': 'up0' },
    });
    expect(disconnected).toBe('disconnect shop-web-1 beside');
    expect(await docker(['network', 'connect', 'shop_default', 'shop-web-1'])).toMatchObject({ status: 1, err: expect.stringContaining('endpoint with name shop-web-1 already exists in network shop_default') });
    expect(await docker(['network', 'connect', '--driver-opt', 'a=b', 'beside', 'shop-web-1'])).toMatchObject({ status: 1, err: expect.stringContaining('option "a" is not known') });
    expect(await docker(['network', 'connect', 'beside', 'nobody'])).toMatchObject({ status: 1, err: expect.stringContaining('No such container: nobody') });
    expect(await docker(['network', 'disconnect', '-f', 'beside', 'nobody'])).toMatchObject({ status: 0 });
    engine.made.delete('beside');
  });
});
