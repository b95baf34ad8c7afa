import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect } from 'vitest';
import { parseCidr } from '../../src/state/cidr.ts';
import { publishedPort } from '../spec-values.ts';
import { ask, bridgeSpec, ipJson, leftovers, NetworkWorld } from './network-world.ts';
import { ipv6Missing, testWherePresent } from '../where-present.ts';

let world: NetworkWorld;
beforeEach(async () => { world = await NetworkWorld.open(); });
afterEach(async () => {
  await world.close();
  await expect.poll(() => leftovers(world.paths), { timeout: 5000 }).toEqual([]);
});

testWherePresent([ipv6Missing], 'a network with IPv6 has a unique local subnet, and its containers an address of it at once', async () => {
  await world.networks.create('one', '', bridgeSpec({ ipv6: true }));
  const status = world.networks.list().get('one')?.status;
  const [, six] = status?.pools ?? [];
  expect(parseCidr(six?.subnet ?? '')).toMatchObject({ family: 6, prefix: 64 });
  expect(six?.subnet).toMatch(/^fd/);
  const [bridge] = ipJson('addr', 'show', 'dev', status?.link ?? '');
  expect(JSON.stringify(bridge?.['addr_info'])).toContain(`"local":"${six?.gateway}","prefixlen":64`);

  const outside = world.outside('10.213.20.1');
  world.outsideIpv6(outside, 'fd00:213:20::1');
  const [a, b] = [await world.container('a', 'one'), await world.container('b', 'one')];
  await Promise.all([world.serve(b.netns, 'tcp', 80, 'b', '::'), world.serve(outside, 'tcp', 80, 'world', '::')]);
  expect(await ask(a.netns, 'tcp', b.ipv6, 80)).toBe(`b ${a.ipv6}`);
  // Out, under the host's own address; in, not at all.
  expect(await ask(a.netns, 'tcp', 'fd00:213:20::1', 80)).toBe('world fd00:213:20::2');
  expect(await ask(outside, 'tcp', b.ipv6, 80)).toBe('nothing');
  expect(readFileSync(world.networks.zoneFiles(['one'])[0] ?? '', 'utf8').split('\n')).toContain(`b ${b.ipv6}`);
  for (const one of [a, b]) await world.drop(one.endpoint);
  await world.networks.remove('one');
});

testWherePresent([ipv6Missing], 'ports are published in both families, on [::1] as well, and with the client kept', async () => {
  await world.networks.create('one', '', bridgeSpec({ ipv6: true }));
  await world.networks.create('four', '', bridgeSpec());
  const outside = world.outside('10.213.21.1');
  world.outsideIpv6(outside, 'fd00:213:21::1');
  const [web, old] = [await world.container('web', 'one'), await world.container('old', 'four')];
  await Promise.all([world.serve(web.netns, 'tcp', 80, 'web', '::'), world.serve(web.netns, 'udp', 53, 'web', '::'), world.serve(old.netns, 'tcp', 80, 'old'), world.serve(old.netns, 'udp', 53, 'old')]);
  const [{ published: http } = { published: 0 }, { published: dns } = { published: 0 }, { published: local } = { published: 0 }, { published: localDns } = { published: 0 }] = await world.networks.publish({
    container: web.endpoint.id, ports: [publishedPort(), publishedPort({ target: 53, protocol: 'udp' }), publishedPort({ hostIp: '::1' }), publishedPort({ hostIp: '::1', target: 53, protocol: 'udp' })],
  });
  const [{ published: bridged } = { published: 0 }, { published: bridgedDns } = { published: 0 }] = await world.networks.publish({ container: old.endpoint.id, ports: [publishedPort({ hostIp: '::' }), publishedPort({ hostIp: '::', target: 53, protocol: 'udp' })] });
  expect(await Promise.all([
    ask(outside, 'tcp', 'fd00:213:21::2', http ?? 0), ask(outside, 'udp', 'fd00:213:21::2', dns ?? 0), ask(outside, 'tcp', '10.213.21.2', http ?? 0),
    ask('', 'tcp', '127.0.0.1', http ?? 0), ask('', 'tcp', '::1', http ?? 0), ask('', 'tcp', 'fd00:213:21::2', http ?? 0),
    ask('', 'tcp', '::1', local ?? 0), ask(outside, 'tcp', 'fd00:213:21::2', local ?? 0),
    ask('', 'tcp', '::1', bridged ?? 0), ask(outside, 'tcp', 'fd00:213:21::2', bridged ?? 0), ask(web.netns, 'tcp', 'fd00:213:21::2', http ?? 0),
    ask('', 'udp', '::1', dns ?? 0), ask('', 'udp', '::1', localDns ?? 0), ask('', 'udp', '::1', bridgedDns ?? 0), ask(outside, 'udp', 'fd00:213:21::2', bridgedDns ?? 0), ask('', 'udp', 'fd00:213:21::2', bridgedDns ?? 0),
  ])).toEqual([
    'web fd00:213:21::1', 'web fd00:213:21::1', expect.stringContaining('10.213.21.1'),
    expect.stringMatching(/^web /), expect.stringMatching(/^web /), expect.stringMatching(/^web /),
    expect.stringMatching(/^web /), 'nothing',
    expect.stringMatching(/^old /), expect.stringMatching(/^old /), expect.stringMatching(/^web /),
    expect.stringMatching(/^web /), expect.stringMatching(/^web /), expect.stringMatching(/^old /), expect.stringMatching(/^old /), expect.stringMatching(/^old /),
  ]);
  for (const one of [web, old]) await world.drop(one.endpoint);
  expect(await ask('', 'tcp', '::1', http ?? 0)).toBe('nothing');
  await world.networks.remove('one');
  await world.networks.remove('four');
});

testWherePresent([ipv6Missing], 'an address that another container had, at another hardware address, leads to the new one at once', async () => {
  await world.networks.create('one', '', bridgeSpec({ ipv6: true, ipam: [{ subnet: '10.213.23.0/24', gateway: '10.213.23.1', ipRange: '', auxAddresses: {} }, { subnet: 'fd00:213:23::/64', gateway: 'fd00:213:23::1', ipRange: '', auxAddresses: {} }] }));
  const asker = await world.container('asker', 'one');
  const servers = [{ tag: 'first', ipv4: '10.213.23.7' }, { tag: 'second', ipv4: '10.213.23.8' }, { tag: 'third', ipv4: '10.213.23.8', macAddress: '02:00:00:00:00:77' }, { tag: 'fourth', ipv4: '10.213.23.8' }];
  for (const { tag, ...wanted } of servers) {
    const one = await world.container(tag, { network: 'one', ipv6: 'fd00:213:23::77', ...wanted });
    const server = await world.serve(one.netns, 'tcp', 80, tag, '::');
    // Whoever is not told finds it after 8 s: the kernel's neighbours doubt an entry for 5 s, and ask for it three times.
    await Promise.all([asker.netns, ''].flatMap((netns) => ['fd00:213:23::77', wanted.ipv4].map((address) => expect.poll(() => ask(netns, 'tcp', address, 80), { timeout: 5000 }).toMatch(new RegExp(`^${tag} `)))));
    await world.stop(server);
    await world.drop(one.endpoint);
  }
  await world.drop(asker.endpoint);
  await world.networks.remove('one');
});

testWherePresent([ipv6Missing], 'an internal network leads nowhere in IPv6 either', async () => {
  await world.networks.create('shut', '', bridgeSpec({ ipv6: true, internal: true, ipam: [{ subnet: 'fd00:9::/64', gateway: 'fd00:9::ffff', ipRange: '', auxAddresses: {} }] }));
  const outside = world.outside('10.213.22.1');
  world.outsideIpv6(outside, 'fd00:213:22::1');
  const a = await world.container('a', { network: 'shut', ipv6: 'fd00:9::77' });
  await world.serve(outside, 'tcp', 80, 'world', '::');
  expect(a.ipv6).toBe('fd00:9::77');
  expect(await ask(a.netns, 'tcp', 'fd00:213:22::1', 80)).toBe('nothing');
  await world.drop(a.endpoint);
  await world.networks.remove('shut');
});
