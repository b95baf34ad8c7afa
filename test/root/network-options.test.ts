import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pool, publishedPort } from '../spec-values.ts';
import { ask, bridgeSpec, ip, ipJson, leftovers, NetworkWorld } from './network-world.ts';

let world: NetworkWorld;
beforeEach(async () => { world = await NetworkWorld.open(); });
afterEach(async () => {
  await world.close();
  await expect.poll(() => leftovers(world.paths), { timeout: 5000 }).toEqual([]);
});

const inside = (netns: string, ...args: readonly string[]): readonly Record<string, unknown>[] => JSON.parse(execFileSync('nsenter', [`--net=${netns}`, 'ip', '-j', ...args], { encoding: 'utf8' }) || '[]');

test('several networks: order, names, addresses and the way out are as they were asked for', async () => {
  await world.networks.create('one', '', bridgeSpec({ ipam: [pool({ subnet: '10.217.10.0/24' }), pool({ subnet: '10.217.11.0/24', gateway: '10.217.11.254' })] }));
  await world.networks.create('two', '', bridgeSpec({ ipv6: true }));
  const a = await world.container('a', { network: 'one', ipv4: '10.217.11.7', interfaceName: 'lan', macAddress: '02:00:00:00:00:07', linkLocalIps: ['169.254.7.7'] }, { network: 'two', gatewayPriority: 5 });
  const [, lan, second] = inside(a.netns, 'addr');
  expect(lan).toMatchObject({ ifname: 'lan', address: '02:00:00:00:00:07' });
  expect(JSON.stringify(lan?.['addr_info'])).toContain('"local":"10.217.11.7","prefixlen":24');
  expect(JSON.stringify(lan?.['addr_info'])).toContain('"local":"169.254.7.7","prefixlen":16');
  expect(second).toMatchObject({ ifname: 'eth0' });
  expect(inside(a.netns, 'route', 'show', 'default')).toMatchObject([{ dev: 'eth0', gateway: world.networks.list().get('two')?.status?.pools[0]?.gateway }]);
  expect(inside(a.netns, '-6', 'route', 'show', 'default')).toMatchObject([{ dev: 'eth0', gateway: world.networks.list().get('two')?.status?.pools[1]?.gateway }]);
  const b = await world.container('b', 'one');
  expect(inside(b.netns, 'route', 'show', 'default')).toMatchObject([{ dev: 'eth0', gateway: '10.217.10.1' }]);
  await world.serve(a.netns, 'tcp', 80, 'a');
  expect(await ask(b.netns, 'tcp', '10.217.11.7', 80)).toMatch(/^a /);
  for (const one of [a, b]) await world.drop(one.endpoint);
  for (const name of ['one', 'two']) await world.networks.remove(name);
});

test('the options of a bridge: its name, its mtu, no masquerading, no talk among its containers', async () => {
  const name = `bpo${world.paths.instance}`;
  const options = { 'com.docker.network.bridge.name': name, 'com.docker.network.driver.mtu': '1400', 'com.docker.network.bridge.enable_ip_masquerade': 'false', 'com.docker.network.bridge.enable_icc': 'false' };
  await world.networks.create('one', '', bridgeSpec({ options, ipam: [pool({ subnet: '10.217.12.0/24' })] }));
  const outside = world.outside('10.213.30.1');
  const [a, b] = [await world.container('a', 'one'), await world.container('b', 'one')];
  expect(ipJson('link', 'show', 'dev', name)).toMatchObject([{ mtu: 1400 }]);
  expect(inside(a.netns, 'link', 'show', 'eth0')).toMatchObject([{ mtu: 1400 }]);
  await Promise.all([world.serve(b.netns, 'tcp', 80, 'b'), world.serve(outside, 'tcp', 80, 'world')]);
  expect(await ask(a.netns, 'tcp', b.address, 80)).toBe('nothing');
  // Out it goes under its own address.
  expect(await ask(a.netns, 'tcp', '10.213.30.1', 80)).toBe(`world ${a.address}`);
  const [{ published } = { published: 0 }] = await world.networks.publish({ container: b.endpoint.id, ports: [publishedPort()] });
  expect(await ask(outside, 'tcp', '10.213.30.2', published ?? 0)).toBe('b 10.213.30.1');
  expect(await ask(outside, 'tcp', b.address, 80)).toBe('nothing');
  for (const one of [a, b]) await world.drop(one.endpoint);
  await world.networks.remove('one');
  expect(ipJson('link').map((link) => link['ifname'])).not.toContain(name);
});

test('a range that has run out says so, until somebody leaves', async () => {
  await world.networks.create('one', '', bridgeSpec({ ipam: [pool({ subnet: '10.217.13.0/29', ipRange: '10.217.13.4/30' })] }));
  const members = [await world.container('a', 'one'), await world.container('b', 'one'), await world.container('c', 'one')]; // 10.217.13.7 is broadcast
  expect(members.map(({ address }) => address)).toEqual(['10.217.13.4', '10.217.13.5', '10.217.13.6']);
  await expect(world.container('d', 'one')).rejects.toThrow('network one: all addresses of 10.217.13.4/30 are given; remove containers or use a larger subnet');
  const [first, ...rest] = members;
  await world.drop(first!.endpoint);
  const late = await world.container('e', 'one');
  expect(late.address).toBe('10.217.13.4');
  for (const one of [...rest, late]) await world.drop(one.endpoint);
  await world.networks.remove('one');
});

test('a bridge of a name that the host has already is refused, and the link stays', async () => {
  const name = `bpt${world.paths.instance}`;
  execFileSync('ip', ['link', 'add', name, 'type', 'bridge']);
  try {
    await expect(world.networks.create('one', '', bridgeSpec({ options: { 'com.docker.network.bridge.name': name } }))).rejects.toThrow(`network one: this host has a link "${name}" already, which is not this network's`);
    expect(world.networks.list().has('one')).toBe(false);
    expect(ipJson('link').map((link) => link['ifname'])).toContain(name);
  } finally {
    execFileSync('ip', ['link', 'del', name]);
  }
});

test('a port with an allow-list is closed to others, in both families; the host itself always may', async () => {
  await world.networks.create('one', '', bridgeSpec({ ipv6: true }));
  const [friend, stranger] = [world.outside('10.213.31.1'), world.outside('10.213.32.1')];
  world.outsideIpv6(friend, 'fd00:213:31::1');
  world.outsideIpv6(stranger, 'fd00:213:32::1');
  const web = await world.container('web', 'one');
  await world.serve(web.netns, 'tcp', 80, 'web', '::');
  const publish = async (allow: string[]): Promise<number> => (await world.networks.publish({ container: web.endpoint.id, ports: [publishedPort({ allow })] }))[0]?.published ?? 0;
  const port = await publish(['10.213.31.0/24', 'fd00:213:31::1']);
  const all = async (): Promise<readonly string[]> => (await Promise.all([
    ask(friend, 'tcp', '10.213.31.2', port), ask(friend, 'tcp', 'fd00:213:31::2', port), ask(stranger, 'tcp', '10.213.32.2', port), ask(stranger, 'tcp', 'fd00:213:32::2', port), ask('', 'tcp', '127.0.0.1', port),
  ])).map((answer) => answer.split(' ')[0] ?? '');
  expect(await all()).toEqual(['web', 'web', 'nothing', 'nothing', 'web']);
  expect(await publish(['10.213.32.1'])).toBe(port);
  expect(await all()).toEqual(['nothing', 'nothing', 'web', 'nothing', 'web']);
  expect(await publish([])).toBe(port);
  expect(await all()).toEqual(['web', 'web', 'web', 'web', 'web']);
  await world.drop(web.endpoint);
  await world.networks.remove('one');
});

const MACVLAN = linkMissing('macvlan');
test.skipIf(MACVLAN !== '')(`a macvlan network puts containers on the wire of its parent${MACVLAN}`, async () => {
  const outside = world.outside('10.213.33.1');
  const parent = outside.replace('/run/netns/', '');
  await expect(world.networks.create('lan', '', bridgeSpec({ driver: 'macvlan', options: { parent: 'nosuchlink' } }))).rejects.toThrow('this host has no link "nosuchlink"');
  await world.networks.create('lan', '', bridgeSpec({ driver: 'macvlan', options: { parent, macvlan_mode: 'bridge' }, ipam: [pool({ subnet: '10.217.33.0/24', gateway: '10.217.33.254' })] }));
  ip('-n', parent, 'addr', 'add', '10.217.33.254/24', 'dev', 'eth0');
  const [a, b] = [await world.container('a', 'lan'), await world.container('b', 'lan')];
  expect(inside(a.netns, '-d', 'link', 'show', 'eth0')).toMatchObject([{ linkinfo: { info_kind: 'macvlan', info_data: { mode: 'bridge' } } }]);
  await Promise.all([world.serve(b.netns, 'tcp', 80, 'b'), world.serve(outside, 'tcp', 80, 'router')]);
  expect(await ask(a.netns, 'tcp', b.address, 80)).toBe(`b ${a.address}`);
  expect(await ask(a.netns, 'tcp', '10.213.33.1', 80)).toBe(`router ${a.address}`);
  expect(readFileSync(world.networks.zoneFiles(['lan'])[0] ?? '', 'utf8')).toContain(`b ${b.address}`);
  for (const one of [a, b]) await world.drop(one.endpoint);
  await world.networks.remove('lan');
  expect(ipJson('link').map((link) => link['ifname'])).toContain(parent);
});

const IPVLAN = linkMissing('ipvlan');
test.skipIf(IPVLAN !== '')(`an ipvlan network shares the hardware address of its parent, on layer 2 and 3${IPVLAN}`, async () => {
  const outside = world.outside('10.213.34.1');
  const parent = outside.replace('/run/netns/', '');
  for (const mode of ['l2', 'l3']) {
    await world.networks.create(mode, '', bridgeSpec({ driver: 'ipvlan', options: { parent, ipvlan_mode: mode }, ipam: [pool({ subnet: `10.217.3${mode === 'l2' ? 4 : 5}.0/24` })] }));
    const [a, b] = [await world.container('a', mode), await world.container('b', mode)];
    await world.serve(b.netns, 'tcp', 80, 'b');
    expect(await ask(a.netns, 'tcp', b.address, 80)).toBe(`b ${a.address}`);
    for (const one of [a, b]) await world.drop(one.endpoint);
    await world.networks.remove(mode);
  }
});

test.skipIf(IPVLAN === '')('a kernel without ipvlan says so', async () => {
  const parent = world.outside('10.213.35.1').replace('/run/netns/', '');
  await world.networks.create('lan', '', bridgeSpec({ driver: 'ipvlan', options: { parent }, ipam: [pool({ subnet: '10.217.36.0/24' })] }));
  await expect(world.container('a', 'lan')).rejects.toThrow('network lan: this kernel has no ipvlan links');
  await world.networks.remove('lan').catch(() => undefined); // its address is still given
});

/** Why links of a kind cannot be made here, '' where they can; tried in a namespace of its own. */
function linkMissing(kind: string): string {
  try {
    execFileSync('unshare', ['-n', 'sh', '-c', `ip link add bptest type veth peer name bptest1 && ip link add link bptest name bptest2 type ${kind}`], { stdio: 'ignore' });
    return '';
  } catch {
    return ` (skipped: this kernel has no ${kind})`;
  }
}
