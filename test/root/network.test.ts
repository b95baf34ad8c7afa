import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PublishedPort } from '../../src/state/container.ts';
import { pinned } from './pinned.ts';
import { ask, bridgeSpec, ip, ipJson, leftovers, NetworkWorld } from './network-world.ts';
import { wholeTable } from '../../src/runtime/network/table.ts';
import { publishedPort } from '../spec-values.ts';

let world: NetworkWorld;
beforeEach(async () => { world = await NetworkWorld.open(); });
afterEach(async () => { await world.close(); });

const tcp = (target: number, published: number | null, hostIp = ''): PublishedPort => publishedPort({ hostIp, published, target });
const udp = (target: number, published: number | null, hostIp = ''): PublishedPort => publishedPort({ hostIp, published, target, protocol: 'udp' });

async function nothingLeft(): Promise<void> {
  await expect.poll(() => leftovers(world.paths), { timeout: 5000 }).toEqual([]);
  expect(readdirSync(world.paths.networks)).toEqual([]);
}

test('a network is a bridge with its gateway, its record and its rules, and goes without a trace', async () => {
  await world.networks.create('a_default', 'a', bridgeSpec());
  await world.networks.create('a_default', 'a', bridgeSpec());
  const status = world.networks.list().get('a_default')?.status;
  expect(status?.present).toBe(true);
  const [bridge] = ipJson('-d', 'addr', 'show', 'dev', status?.link ?? '');
  expect(bridge).toMatchObject({ linkinfo: { info_kind: 'bridge' }, addr_info: [{ family: 'inet', local: status?.pools[0]?.gateway }] });
  expect(readFileSync(`/proc/sys/net/ipv4/conf/${status?.link}/route_localnet`, 'utf8').trim()).toBe('1');
  expect(execFileSync('nft', ['list', 'set', 'inet', world.paths.table, 'own'], { encoding: 'utf8' })).toContain(status?.pools[0]?.subnet);
  await expect(world.networks.create('a_default', 'b', bridgeSpec())).rejects.toMatchObject({ code: 'conflict' });
  await world.networks.remove('a_default');
  await nothingLeft();
});

test('containers reach each other and the world by their bridge, and no other network', async () => {
  await world.networks.create('one', '', bridgeSpec());
  await world.networks.create('two', '', bridgeSpec());
  await world.networks.create('shut', '', bridgeSpec({ internal: true }));
  const outside = world.outside('10.213.1.1');
  const a = await world.container('a', 'one');
  const b = await world.container('b', 'one');
  const c = await world.container('c', 'two');
  const d = await world.container('d', 'shut');
  const e = await world.container('e', 'shut', 'two');
  await Promise.all([b, c, d, e].map((one) => world.serve(one.netns, 'tcp', 80, one.endpoint.name)));
  await world.serve(outside, 'tcp', 80, 'world');

  expect(await ask(a.netns, 'tcp', b.address, 80)).toBe(`b ${a.address}`);
  expect(await ask('', 'tcp', b.address, 80)).toMatch(/^b /);
  // Out, under the host's own address.
  expect(await ask(a.netns, 'tcp', '10.213.1.1', 80)).toBe('world 10.213.1.2');
  const refused = await Promise.all([
    ask(a.netns, 'tcp', c.address, 80), ask(c.netns, 'tcp', b.address, 80), ask(outside, 'tcp', b.address, 80),
    ask(a.netns, 'tcp', d.address, 80), ask(d.netns, 'tcp', '10.213.1.1', 80), ask(d.netns, 'tcp', b.address, 80),
  ]);
  expect(refused).toEqual(Array.from({ length: 6 }, () => 'nothing'));
  expect(await ask(d.netns, 'tcp', e.address, 80)).toBe(`e ${d.address}`);
  // Ports of what is on internal networks alone are not published, whatever it asks for; those of the one on both are, by the other.
  expect(await world.networks.publish({ container: d.endpoint.id, ports: [tcp(80, null)] })).toEqual([]);
  const [{ published } = { published: null }] = await world.networks.publish({ container: e.endpoint.id, ports: [tcp(80, null)] });
  expect(await ask(outside, 'tcp', '10.213.1.2', published ?? 0)).toBe('e 10.213.1.1');
  // The one on both leaves by the one that is not internal.
  expect(await ask(e.netns, 'tcp', '10.213.1.1', 80)).toBe('world 10.213.1.2');
  expect(readFileSync(world.networks.zoneFiles(['one'])[0] ?? '', 'utf8').split('\n')).toContain(`a ${a.address}`);

  for (const one of [a, b, c, d, e]) await world.drop(one.endpoint);
  expect(readFileSync(world.networks.zoneFiles(['one'])[0] ?? '', 'utf8')).toBe('version 1\n');
  for (const name of ['one', 'two', 'shut']) await world.networks.remove(name);
  await nothingLeft();
});

test('published ports answer on every address with the client kept; on 127.0.0.1 only there', async () => {
  await world.networks.create('one', '', bridgeSpec());
  await world.networks.create('two', '', bridgeSpec());
  const outside = world.outside('10.213.2.1');
  const web = await world.container('web', 'one');
  const other = await world.container('other', 'two');
  await Promise.all([world.serve(web.netns, 'tcp', 80, 'web'), world.serve(web.netns, 'udp', 53, 'web'), world.serve(web.netns, 'tcp', 81, 'admin')]);
  const ports = await world.networks.publish({ container: web.endpoint.id, ports: [tcp(80, null), udp(53, null), tcp(81, null, '127.0.0.1')] });
  const [http = 0, dns = 0, admin = 0] = ports.map((port) => port.published ?? 0);
  expect(Math.min(http, dns, admin)).toBeGreaterThanOrEqual(49152);
  const gateway = world.networks.list().get('one')?.status?.pools[0]?.gateway;

  expect(await Promise.all([
    ask('', 'tcp', '127.0.0.1', http), ask('', 'tcp', '10.213.2.2', http), ask(outside, 'tcp', '10.213.2.2', http),
    ask('', 'udp', '127.0.0.1', dns), ask(outside, 'udp', '10.213.2.2', dns),
    ask('', 'tcp', '127.0.0.1', admin), ask(outside, 'tcp', '10.213.2.2', admin),
    ask(other.netns, 'tcp', '10.213.2.2', http), ask(web.netns, 'tcp', '10.213.2.2', http),
  ])).toEqual([
    `web ${gateway}`, expect.stringMatching(/^web /), 'web 10.213.2.1',
    `web ${gateway}`, 'web 10.213.2.1',
    `admin ${gateway}`, 'nothing',
    `web ${other.address}`, `web ${gateway}`,
  ]);
  // A neighbour that sends packets for 127.0.0.1 over the wire.
  ip('netns', 'exec', outside.replace('/run/netns/', ''), 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
  ip('-n', outside.replace('/run/netns/', ''), 'route', 'del', 'table', 'local', '127.0.0.0/8', 'dev', 'lo');
  ip('-n', outside.replace('/run/netns/', ''), 'route', 'del', 'table', 'local', '127.0.0.1', 'dev', 'lo');
  ip('-n', outside.replace('/run/netns/', ''), 'route', 'add', '127.0.0.0/8', 'via', '10.213.2.2', 'src', '10.213.2.1');
  expect(await ask(outside, 'tcp', '127.0.0.1', admin)).toBe('nothing');

  await world.drop(web.endpoint);
  expect(await ask('', 'tcp', '127.0.0.1', http)).toBe('nothing');
  await world.drop(other.endpoint);
  await world.networks.remove('one');
  await world.networks.remove('two');
  await nothingLeft();
});

test('what is sent from a container by its bridge to 127.0.0.1 of the host does not come there, tracked or not', async () => {
  await world.networks.create('one', '', bridgeSpec());
  const one = await world.container('one', 'one');
  const status = world.networks.list().get('one')?.status;
  const heard: string[] = [];
  const socket = createSocket('udp4', (message, { address }) => heard.push(`${message.toString()} ${address}`));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const untracked = `${world.paths.table}-untracked`;
  const inside = (command: string): string => execFileSync('nsenter', [`--net=${one.netns}`, 'bash', '-c', command], { encoding: 'utf8' });
  const say = (word: string): string => `printf ${word} > /dev/udp/127.0.0.1/${socket.address().port}`;
  try {
    inside(`ip route del table local 127.0.0.0/8 dev lo; ip route del table local 127.0.0.1 dev lo; ip route add 127.0.0.0/8 via ${status?.pools[0]?.gateway ?? ''} src ${one.address}`);
    inside('sysctl -qw net.ipv4.conf.all.route_localnet=1');
    inside(say('tracked'));
    execFileSync('nft', [`table ip ${untracked} { chain before { type filter hook prerouting priority raw; iifname ${status?.link} notrack; }; }`]);
    inside(say('untracked'));
    execFileSync('nft', ['delete', 'table', 'ip', untracked]);
    execFileSync('bash', ['-c', say('host')]);
    await expect.poll(() => heard).toEqual(['host 127.0.0.1']);
  } finally {
    socket.close();
    execFileSync('nft', ['-f', '-'], { input: `table ip ${untracked}\ndelete table ip ${untracked}\n` });
  }
  await world.drop(one.endpoint);
  await world.networks.remove('one');
  await nothingLeft();
});

test('a rule of somebody else that leads from outside to 127.0.0.1 goes on doing so', async () => {
  const [host, outside] = [world.outside('10.213.36.1'), world.outside('10.213.37.1')]; // no other engine's rules are in the way there
  const [here, there] = [host, outside].map((path) => path.replace('/run/netns/', ''));
  ip('-n', here ?? '', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', there ?? '');
  for (const [name = '', address] of [[here, '10.213.38.1/30'], [there, '10.213.38.2/30']]) {
    ip('-n', name, 'addr', 'add', address ?? '', 'dev', 'eth1');
    ip('-n', name, 'link', 'set', 'eth1', 'up');
  }
  ip('netns', 'exec', here ?? '', 'sysctl', '-qw', 'net.ipv4.conf.eth1.route_localnet=1');
  const theirs = 'table ip theirs { chain before { type nat hook prerouting priority dstnat; ip daddr 10.213.38.1 tcp dport 8080 dnat to 127.0.0.1:80; }; }\n';
  const network = { link: 'bp-one', subnets: [{ family: 4 as const, cidr: '10.213.39.0/24' }], internal: false, masquerade: true };
  execFileSync('nsenter', [`--net=${host}`, 'nft', '-f', '-'], { input: wholeTable({ table: 'ours', linkPrefix: 'bp-' }, { networks: new Map([['one', network]]), ports: new Map() }) + theirs });
  await world.serve(host, 'tcp', 80, 'host', '127.0.0.1');
  expect(await ask(outside, 'tcp', '10.213.38.1', 8080)).toBe('host 10.213.38.2');
});

test('a network that is removed while somebody starts on it, without its link, stays removed', async () => {
  await world.networks.create('one', '', bridgeSpec());
  const one = await world.container('one', 'one');
  await world.drop(one.endpoint);
  world.networks.close();
  ip('link', 'del', world.networks.list().get('one')?.status?.link ?? '');
  await world.reopen();
  const [, removed, connected] = await Promise.allSettled([world.networks.create('two', '', bridgeSpec()), world.networks.remove('one'), world.networks.connect(one.endpoint)]);
  expect([removed, connected]).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'network-not-found' } }]);
  expect([...world.networks.list().keys()]).toEqual(['two']);
  await world.networks.remove('two');
  await nothingLeft();
});

test('replicas share a port by turns, and what is left serves alone', async () => {
  await world.networks.create('one', '', bridgeSpec());
  const [a, b] = [await world.container('a', 'one'), await world.container('b', 'one')];
  await Promise.all([world.serve(a.netns, 'tcp', 80, 'a'), world.serve(b.netns, 'tcp', 80, 'b'), world.serve(a.netns, 'udp', 80, 'a'), world.serve(b.netns, 'udp', 80, 'b')]);
  const publish = (one: typeof a, port: number | null, protocol: typeof tcp): Promise<readonly PublishedPort[]> =>
    world.networks.publish({ container: one.endpoint.id, group: 'app/web', ports: [protocol(80, port)] });
  const [{ published: port } = { published: null }] = await publish(a, null, tcp);
  await publish(b, port, tcp);
  const answers = [];
  for (let asked = 0; asked < 4; asked++) answers.push((await ask('', 'tcp', '127.0.0.1', port ?? 0)).slice(0, 1));
  expect(answers.sort()).toEqual(['a', 'a', 'b', 'b']);
  await world.networks.publish({ container: a.endpoint.id, group: 'app/web', ports: [] });
  expect((await ask('', 'tcp', '127.0.0.1', port ?? 0)).slice(0, 1)).toBe('b');

  // A UDP client that keeps its own port follows the move as well.
  const [{ published: moved } = { published: null }] = await publish(a, null, udp);
  expect((await ask('', 'udp', '127.0.0.1', moved ?? 0, 40123)).slice(0, 1)).toBe('a');
  await publish(b, moved, udp);
  await world.networks.publish({ container: a.endpoint.id, group: 'app/web', ports: [] });
  expect((await ask('', 'udp', '127.0.0.1', moved ?? 0, 40123)).slice(0, 1)).toBe('b');

  for (const one of [a, b]) await world.drop(one.endpoint);
  await world.networks.remove('one');
  await nothingLeft();
});

test('a port that is taken names its holder, and nothing is changed', async () => {
  await world.networks.create('one', '', bridgeSpec());
  const a = await world.container('a', 'one');
  const b = await world.container('b', 'one');
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : 0;
  const [{ published: free } = { published: null }] = await world.networks.publish({ container: a.endpoint.id, ports: [tcp(80, null)] });
  await expect(world.networks.publish({ container: b.endpoint.id, ports: [udp(80, null), tcp(80, taken)] }))
    .rejects.toMatchObject({ code: 'port-taken', message: expect.stringMatching(new RegExp(`0\\.0\\.0\\.0:${taken}/tcp is taken by .+ \\(pid ${process.pid}\\)`)) });
  await expect(world.networks.publish({ container: b.endpoint.id, ports: [tcp(80, free)] })).rejects.toMatchObject({ message: expect.stringContaining('by container a;') });
  await expect(world.networks.publish({ container: b.endpoint.id, ports: [tcp(80, free, '127.0.0.1')] })).rejects.toMatchObject({ message: expect.stringContaining('by container a;') });
  expect(execFileSync('nft', ['list', 'map', 'inet', world.paths.table, 'pub'], { encoding: 'utf8' }).match(/\d : \d/g)?.length).toBe(1);
  await new Promise((resolve) => server.close(resolve));
  await world.networks.publish({ container: b.endpoint.id, ports: [tcp(80, taken)] });
  for (const one of [a, b]) await world.drop(one.endpoint);
  await world.networks.remove('one');
  await nothingLeft();
});

describe('a forward chain of others that drops', () => {
  test.each(['FORWARD', 'DOCKER-USER'])('gets two marked rules in %s, again when they are lost, and loses them with the last network', async (chain) => {
    const table = `bpt_${world.paths.instance}`;
    const outside = world.outside('10.213.3.1');
    await world.serve(outside, 'tcp', 80, 'world');
    const user = chain === 'FORWARD' ? '' : 'chain DOCKER-USER { }\n ';
    const jump = chain === 'FORWARD' ? '' : '; jump DOCKER-USER';
    // Only this test's bridges are dropped, so that others go on meanwhile.
    execFileSync('nft', ['-f', '-'], { input: `table ip ${table} { ${user}chain FORWARD { type filter hook forward priority filter; policy drop; iifname != "${world.paths.linkPrefix}*" oifname != "${world.paths.linkPrefix}*" accept${jump}; }\n }` });
    try {
      const rules = (): number => execFileSync('nft', ['list', 'chain', 'ip', table, chain], { encoding: 'utf8' }).split(`comment "${world.paths.table}"`).length - 1;
      await world.networks.create('one', '', bridgeSpec());
      expect(rules()).toBe(2);
      expect(world.networks.notices().join('\n')).toContain(`ip ${table} ${chain}`);
      const a = await world.container('a', 'one');
      await world.serve(a.netns, 'tcp', 80, 'a');
      const [{ published: port } = { published: null }] = await world.networks.publish({ container: a.endpoint.id, ports: [tcp(80, null)] });
      expect(await ask(a.netns, 'tcp', '10.213.3.1', 80)).toBe('world 10.213.3.2');
      expect(await ask(outside, 'tcp', '10.213.3.2', port ?? 0)).toBe('a 10.213.3.1');
      expect(await ask(outside, 'tcp', a.address, 80)).toBe('nothing');
      execFileSync('nft', ['flush', 'chain', 'ip', table, chain]);
      await world.networks.restore([{ endpoint: a.endpoint, inhabitants: [a.endpoint.id] }], [{ container: a.endpoint.id, ports: [tcp(80, port)] }]);
      expect(rules()).toBe(2);
      await world.drop(a.endpoint);
      await world.networks.remove('one');
      expect(rules()).toBe(0);
    } finally {
      execFileSync('nft', ['delete', 'table', 'ip', table]);
    }
    await nothingLeft();
  });
});

test('a new engine goes on from what runs, and removes what nobody names', async () => {
  await world.networks.create('one', '', bridgeSpec());
  const a = await world.container('a', 'one');
  const lost = await world.container('lost', 'one');
  await world.serve(a.netns, 'tcp', 80, 'a');
  const ports = await world.networks.publish({ container: a.endpoint.id, ports: [tcp(80, null)] });
  await world.networks.publish({ container: lost.endpoint.id, ports: [tcp(80, null)] });
  const port = ports[0]?.published ?? 0;
  world.networks.close();
  ip('link', 'add', `${world.paths.linkPrefix}0badcafe`, 'type', 'bridge');
  ip('link', 'add', 'name', `${world.paths.linkPrefix}0badbeef`, 'group', '268435457', 'type', 'bridge');
  await world.reopen();
  await world.networks.restore([{ endpoint: a.endpoint, inhabitants: [a.endpoint.id] }], [{ container: a.endpoint.id, ports }]);
  expect(await ask('', 'tcp', '127.0.0.1', port)).toMatch(/^a /);
  expect(existsSync(lost.netns)).toBe(false);
  expect(world.networks.allocate('one', 'x', { ipv4: null, ipv6: null }).ipv4).not.toBe(a.address);
  await world.networks.release('one', 'x');
  expect(execFileSync('nft', ['list', 'map', 'inet', world.paths.table, 'pub'], { encoding: 'utf8' }).match(/\d : \d/g)?.length).toBe(1);
  await expect.poll(() => ipJson('link', 'show', 'master', world.networks.list().get('one')?.status?.link ?? '').length, { timeout: 5000 }).toBe(1);
  expect(leftovers(world.paths).join(' ')).not.toMatch(/0badcafe|0badbeef/);

  // The bridge and the table are removed by hand: up makes them again, the container is on it as before.
  ip('link', 'del', world.networks.list().get('one')?.status?.link ?? '');
  execFileSync('nft', ['delete', 'table', 'inet', world.paths.table]);
  expect(world.networks.list().get('one')?.status?.present).toBe(false);
  await world.networks.create('one', '', bridgeSpec());
  await world.networks.publish({ container: a.endpoint.id, ports: [tcp(80, port), tcp(80, null)] });
  expect(await ask('', 'tcp', '127.0.0.1', port)).toMatch(/^a /);

  await expect(world.networks.remove('one')).rejects.toMatchObject({ code: 'network-in-use', message: expect.stringContaining('by a;') });
  await world.drop(a.endpoint);
  await world.networks.remove('one');
  await nothingLeft();
});

test('a container that starts again at once is reached by those who knew it, under the same address', async () => {
  await world.networks.create('one', '', bridgeSpec());
  const a = await world.container('a', 'one');
  const b = await world.container('b', 'one');
  let server = await world.serve(b.netns, 'tcp', 80, 'b');
  for (let round = 0; round < 3; round++) {
    expect(await ask(a.netns, 'tcp', b.address, 80)).toBe(`b ${a.address}`);
    expect(await ask('', 'tcp', b.address, 80)).toMatch(/^b /);
    await world.stop(server);
    await world.networks.disconnect(b.endpoint.id);
    await world.networks.connect(b.endpoint);
    server = await world.serve(b.netns, 'tcp', 80, 'b');
  }
  for (const one of [a, b]) await world.drop(one.endpoint);
  await world.networks.remove('one');
  await nothingLeft();
});

test('a failed start leaves no namespace, link or name; the next one makes the network\'s link again', async () => {
  await world.networks.create('one', '', bridgeSpec());
  await world.container('a', 'one');
  ip('link', 'del', world.networks.list().get('one')?.status?.link ?? '');
  const id = 'f'.repeat(64);
  const { ipv4 } = world.networks.allocate('one', id, { ipv4: null, ipv6: null });
  const attachments = [{ network: 'one', ipv4, ipv6: '', names: ['b'], linkLocalIps: [], macAddress: '', interfaceName: '', sysctls: {}, gatewayPriority: 0 }];
  const endpoint = { id, name: 'b', hostname: 'b', ready: true, attachments };
  await expect(world.networks.connect(endpoint)).rejects.toThrow(/ENODEV|EINVAL|EXDEV/);
  expect(pinned(world.paths.netns).size).toBe(1);
  expect(readFileSync(world.networks.zoneFiles(['one'])[0] ?? '', 'utf8')).not.toMatch(/^b /m);
  await world.networks.connect(endpoint); // by then it is known that the link is gone: it is made again
  expect(pinned(world.paths.netns).size).toBe(2);
  await world.networks.disconnect(id);
  world.networks.close();
  await world.reopen();
  await world.networks.restore([], []);
  await world.networks.remove('one');
  await nothingLeft();
});
