import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { attachment } from '../spec-values.ts';
import { eventually, Machine } from './harness.ts';
import { bridgeSpec } from './network-world.ts';

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
});
afterEach(async () => {
  await machine.down({ stopTimeoutSeconds: 0 });
  if (machine.engine.networks.spec('loud') !== null) await machine.engine.networks.remove('loud');
  await machine.dispose();
});

const status = (name: string) => {
  const found = machine.engine.containers.get(name)?.status;
  if (found === undefined || found === null) throw new Error(`no container ${name}`);
  return found;
};
const address = (name: string, network: string): string => status(name).addresses[network] ?? '';
/** Addresses by link, as the kernel has them in the container's namespace. */
const links = (name: string): Readonly<Record<string, readonly string[]>> => Object.fromEntries(inside(name, 'addr').filter((link) => link['ifname'] !== 'lo').map((link) => (
  [String(link['ifname']), (Array.isArray(link['addr_info']) ? link['addr_info'] : []).filter((one) => !String(one.local).startsWith('fe80')).map((one) => `${String(one.local)}/${String(one.prefixlen)}`)])));
const gateway = (name: string): string => String(inside(name, 'route', 'show', 'default')[0]?.['gateway'] ?? 'none');
const namespaceOf = (name: string): string => `/proc/${status(name).pid}/ns/net`;
const inside = (name: string, ...args: readonly string[]): readonly Record<string, unknown>[] => JSON.parse(execFileSync('nsenter', [`--net=${namespaceOf(name)}`, 'ip', '-j', ...args], { encoding: 'utf8' }) || '[]');
const lookup = async (from: string, name: string): Promise<string> => (await machine.exec(from, 'nslookup', '-type=a', name)).output;

const STACK = `services:
  web: { image: bayplan/hello, command: httpd -f -p 80 -h /www, stop_signal: SIGKILL, ports: ["127.0.0.1:18471:80"], networks: [front], volumes: ["pages:/www"] }
  side: { image: bayplan/hello, command: sleep 1000, stop_signal: SIGKILL, network_mode: "service:web" }
  back: { image: bayplan/hello, command: sh -c 'mkdir -p /w && echo over > /w/index.html && exec httpd -f -p 7 -h /w', stop_signal: SIGKILL, networks: [inner] }
networks:
  front: { ipam: { config: [{ subnet: 10.218.1.0/24 }] } }
  inner: { ipam: { config: [{ subnet: 10.218.2.0/24 }] } }
volumes: { pages: {} }
`;

test('a running container is put on a network and taken off it, with link, names and files, and keeps its connections and ports', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  const { engine } = machine;
  await machine.exec('demo-web-1', 'sh', '-c', 'echo page > /www/index.html; echo 192.0.2.7 own >> /etc/hosts');
  const pid = status('demo-web-1').pid;
  const before = links('demo-web-1');
  expect(await lookup('demo-web-1', 'back')).not.toContain('10.218.2.');
  const held = spawn('nsenter', [`--net=${namespaceOf('demo-web-1')}`, process.execPath, '-e',
    `const s=require('net').connect(80,'${address('demo-web-1', 'demo_front')}',()=>console.log('connected'));process.stdin.pipe(s);s.pipe(process.stdout)`], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(held.stdout, 'data');

  await engine.connectContainer('demo-web-1', 'demo_inner', attachment({ aliases: ['shop'], ipv4Address: '10.218.2.77' }));
  expect(links('demo-web-1')).toEqual({ ...before, eth1: ['10.218.2.77/24'] });
  expect(gateway('demo-web-1')).toBe('10.218.1.1');
  expect(await lookup('demo-back-1', 'shop')).toContain('10.218.2.77');
  // Both who live in the namespace have a responder there, and either may be asked.
  for (let turn = 0; turn < 12; turn++) for (const from of ['demo-web-1', 'demo-side-1']) expect(await lookup(from, 'back')).toContain(address('demo-back-1', 'demo_inner'));
  const hosts = (await machine.exec('demo-side-1', 'cat', '/etc/hosts')).output;
  expect(hosts).toContain('10.218.2.77\t');
  expect(hosts).toContain('192.0.2.7 own');
  expect((await machine.exec('demo-web-1', 'wget', '-qO-', 'http://back:7/')).output).toBe('over\n');
  await expect(engine.connectContainer('demo-web-1', 'demo_inner', attachment({ ipv4Address: '10.218.2.1' }))).rejects.toThrow('belongs to the gateway');
  expect(address('demo-web-1', 'demo_inner')).toBe('10.218.2.77');

  // A network of a higher priority takes the default route over, and gives it back.
  await engine.networks.create('loud', '', bridgeSpec({ ipv6: true, ipam: [{ subnet: '10.218.3.0/24', gateway: '', ipRange: '', auxAddresses: {} }, { subnet: 'fd00:218::/64', gateway: '', ipRange: '', auxAddresses: {} }] }));
  await engine.connectContainer('demo-web-1', 'loud', attachment({ gatewayPriority: 1, linkLocalIps: ['169.254.7.7'], driverOpts: { 'com.docker.network.endpoint.ifname': 'loud0', 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.IFNAME.log_martians=1' } }));
  expect(gateway('demo-web-1')).toBe('10.218.3.1');
  expect([...links('demo-web-1')['loud0'] ?? []].sort()).toEqual([`${address('demo-web-1', 'loud')}/24`, '169.254.7.7/16', `${status('demo-web-1').ipv6Addresses['loud'] ?? ''}/64`]);
  expect((await machine.exec('demo-side-1', 'cat', '/proc/sys/net/ipv4/conf/loud0/log_martians')).output).toBe('1\n');
  expect((await machine.exec('demo-back-1', 'wget', '-qO-', 'http://shop/')).output).toBe('page\n');
  await engine.disconnectContainer('demo-web-1', 'loud');
  expect(gateway('demo-web-1')).toBe('10.218.1.1');
  await engine.networks.remove('loud');

  let answered = '';
  held.stdout.on('data', (chunk) => { answered += String(chunk); });
  held.stdin.end('GET / HTTP/1.0\r\n\r\n');
  await once(held, 'close');
  expect(answered).toContain('page');
  expect((await fetch('http://127.0.0.1:18471/')).status).toBe(200);
  expect(status('demo-web-1').pid).toBe(pid);

  await engine.disconnectContainer('demo-web-1', 'demo_inner');
  expect(links('demo-web-1')).toEqual(before);
  expect(await lookup('demo-back-1', 'shop')).not.toContain('10.218.2.77');
  expect(await lookup('demo-side-1', 'back')).not.toContain('10.218.2.');
  expect((await machine.exec('demo-side-1', 'cat', '/etc/hosts')).output).not.toContain('10.218.2.77');
  await expect(engine.disconnectContainer('demo-web-1', 'demo_inner')).rejects.toThrow('is not connected to network demo_inner');
  expect(engine.networks.allocate('demo_inner', 'x', { ipv4: '10.218.2.77', ipv6: null })).toMatchObject({ ipv4: '10.218.2.77' });
  await engine.networks.release('demo_inner', 'x');
});

test('the ports follow to the network that is left, and come back with the first', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  const { engine } = machine;
  const { pid } = status('demo-web-1');
  await engine.disconnectContainer('demo-web-1', 'demo_front');
  expect(links('demo-web-1')).toEqual({});
  expect(status('demo-web-1').ports).toEqual([]);
  await engine.connectContainer('demo-web-1', 'demo_inner', attachment());
  expect(gateway('demo-web-1')).toBe('10.218.2.1');
  expect((await fetch('http://127.0.0.1:18471/')).status).toBe(404);
  // What the file wants and somebody took away is drift: it is given back in place; what somebody gave it besides stays.
  const { plan } = await engine.planStack('demo', machine.request(STACK));
  expect(plan.steps.map(({ id, why }) => `${id}: ${why}`)).toContainEqual(expect.stringMatching(/^connect-network demo-web-1 demo_front: in place: networks\[demo_front\]: absent → /));
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  expect(Object.keys(status('demo-web-1').addresses)).toEqual(['demo_inner', 'demo_front']);
  expect(status('demo-web-1')).toMatchObject({ pid, joined: ['demo_inner'], ports: [{ published: 18471 }] });
  await engine.disconnectContainer('demo-web-1', 'demo_inner');
  expect((await fetch('http://127.0.0.1:18471/')).status).toBe(404);
  expect((await machine.up(STACK)).done).toEqual([]);
});

test('it outlives restarts of container and engine, a plan tolerates it and says so, and who shares the namespace sees it', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await machine.engine.connectContainer('demo-back-1', 'demo_front', attachment({ aliases: ['deep'] }));
  const given = address('demo-back-1', 'demo_front');
  const { plan } = await machine.engine.planStack('demo', machine.request(STACK));
  expect(plan.steps).toEqual([]);
  expect(plan.notes).toContainEqual('container demo-back-1 was connected to network demo_front by hand, which the file does not say: it stays until the container is made anew');

  await machine.close();
  await machine.open();
  expect(await lookup('demo-web-1', 'deep')).toContain(given);
  await machine.engine.stopContainer('demo-back-1', null, 0);
  await machine.engine.startContainer('demo-back-1');
  expect(links('demo-back-1')).toEqual({ eth0: [`${address('demo-back-1', 'demo_inner')}/24`], eth1: [`${given}/24`] });
  expect(gateway('demo-back-1')).toBe('10.218.2.1');
  expect(await lookup('demo-web-1', 'deep')).toContain(given);

  // Of one that is stopped, while another lives in its namespace.
  await machine.engine.stopContainer('demo-web-1', null, 0);
  await machine.engine.connectContainer('demo-web-1', 'demo_inner', attachment({ aliases: ['late'] }));
  expect(await lookup('demo-back-1', 'late')).toContain(address('demo-web-1', 'demo_inner'));
  expect(Object.keys(links('demo-side-1'))).toEqual(['eth0', 'eth1']);
  await machine.engine.startContainer('demo-web-1');
  expect(readlinkSync(namespaceOf('demo-web-1'))).toBe(readlinkSync(namespaceOf('demo-side-1')));
  expect(await lookup('demo-web-1', 'back')).toContain(address('demo-back-1', 'demo_inner'));
  await machine.engine.stopContainer('demo-back-1', null, 0);
  await machine.engine.disconnectContainer('demo-back-1', 'demo_front');
  await machine.engine.startContainer('demo-back-1');
  expect(Object.keys(links('demo-back-1'))).toEqual(['eth0']);
  expect((await machine.up(STACK)).done).toEqual([]);
});

test('a change that an engine was killed in is finished by the next', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await machine.engine.connectContainer('demo-back-1', 'demo_front', attachment());
  const whole = links('demo-back-1');
  const bundle = join(machine.paths.bundles, status('demo-back-1').id.slice(0, 16));
  expect(existsSync(join(bundle, 'changing'))).toBe(false);
  const pinned = namespaceOf('demo-back-1');
  await machine.close();
  // As if it had been killed between record and kernel.
  execFileSync('nsenter', [`--net=${pinned}`, 'ip', 'link', 'del', 'eth1']);
  writeFileSync(join(bundle, 'changing'), '');
  await machine.open();
  expect(links('demo-back-1')).toEqual(whole);
  expect(existsSync(join(bundle, 'changing'))).toBe(false);
  expect(await eventually(() => lookup('demo-web-1', 'demo-back-1'))).toContain(address('demo-back-1', 'demo_front'));
});

test('a container without networks gets names with its first, and host, none and shared namespaces are refused', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  const { engine } = machine;
  await engine.disconnectContainer('demo-back-1', 'demo_inner');
  await engine.stopContainer('demo-back-1', null, 0);
  await engine.startContainer('demo-back-1');
  expect(links('demo-back-1')).toEqual({});
  await engine.connectContainer('demo-back-1', 'demo_front', attachment());
  expect(await lookup('demo-back-1', 'web')).toContain(address('demo-web-1', 'demo_front'));
  expect(gateway('demo-back-1')).toBe('10.218.1.1');
  await expect(engine.connectContainer('demo-side-1', 'demo_front', attachment())).rejects.toThrow('sharing network namespace with another container or host cannot be connected');
  await expect(engine.connectContainer('demo-back-1', 'nowhere', attachment())).rejects.toThrow('network nowhere is not there');
});

test('a disconnect that fails half way leaves the container as its record says', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  const { engine } = machine;
  await engine.connectContainer('demo-web-1', 'demo_inner', attachment({}));
  const before = links('demo-web-1');
  const detach = engine.networks.detach.bind(engine.networks);
  engine.networks.detach = async (...args) => {
    await detach(...args);
    throw new Error('cut off half way');
  };
  await expect(engine.disconnectContainer('demo-web-1', 'demo_inner')).rejects.toThrow('cut off half way');
  engine.networks.detach = detach;
  expect(links('demo-web-1')).toEqual(before);
  expect(await lookup('demo-back-1', 'demo-web-1')).toContain(address('demo-web-1', 'demo_inner'));
  expect(existsSync(join(machine.paths.bundles, status('demo-web-1').id.slice(0, 16), 'changing'))).toBe(false);
  await engine.disconnectContainer('demo-web-1', 'demo_inner');
  expect(Object.keys(links('demo-web-1'))).toEqual(['eth0']);
});
