import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pathsOf, type Paths } from '../../src/state/paths.ts';
import { eventually, program, top } from './harness.ts';

// What an engine leaves on the host when it ends, in a network namespace of the test's own with a forward chain that drops, as Docker's.
const DROPPING = ['ip', 'ip6'].map((family) => `table ${family} filter {
  chain DOCKER-USER { counter return; }
  chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
}\n`).join('');

let folder: string;
let paths: Paths;
let namespace: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-stop-'));
  paths = pathsOf(join(folder, 'root'));
  namespace = `bpstop-${randomBytes(3).toString('hex')}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  inside(['ip', 'link', 'set', 'lo', 'up']);
  inside(['nft', '-f', '-'], DROPPING);
  bayplan('load', execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello', '--out', join(top, 'build/images')], { encoding: 'utf8' }).trim());
});
afterEach(async () => {
  bayplan('engine', 'stop');
  await eventually(() => expect(spawnSync('pgrep', ['-f', '--', `--root ${paths.root} engine run`]).status).toBe(1)); // it answers before it ends
  execFileSync(process.execPath, [join(import.meta.dirname, 'forget-engine.mjs'), JSON.stringify(paths)], { stdio: 'ignore' });
  execFileSync('ip', ['netns', 'delete', namespace]);
  rmSync(folder, { recursive: true });
});

function inside(command: readonly string[], input = ''): string {
  return execFileSync('nsenter', [`--net=/run/netns/${namespace}`, ...command], { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** The command line, whose engine lives in the namespace too. */
function bayplan(...args: readonly string[]): string {
  return inside([process.execPath, program, '--root', paths.root, ...args]);
}

function api(method: string, path: string, body = ''): { readonly Id?: string } {
  const answer = inside(['curl', '-sS', '--fail-with-body', '--unix-socket', paths.socket, '-X', method, '-H', 'Content-Type: application/json', ...(body === '' ? [] : ['-d', body]), `http://x${path}`]);
  return answer === '' ? {} : JSON.parse(answer);
}

function info(): unknown {
  return JSON.parse(inside(['curl', '-sS', '--unix-socket', paths.socket, 'http://x/info']));
}

/** A container on the default bridge that sleeps, over the API; its id. */
function start(network = 'default'): string {
  const { Id = '' } = api('POST', '/containers/create', JSON.stringify({ Image: 'bayplan/hello', Cmd: ['sleep', '100000'], StopSignal: 'SIGKILL', HostConfig: { NetworkMode: network } }));
  api('POST', `/containers/${Id}/start`);
  return Id;
}

/** Links, tables and marked rules in the namespace. */
function onHost(): { readonly links: readonly string[]; readonly table: boolean; readonly accepts: number } {
  const links: readonly { ifname: string }[] = JSON.parse(inside(['ip', '-j', 'link']));
  return {
    links: links.map(({ ifname }) => ifname).filter((name) => name.startsWith(paths.linkPrefix)),
    table: inside(['nft', 'list', 'tables']).includes(`table inet ${paths.table}\n`),
    accepts: inside(['nft', 'list', 'ruleset']).split(`comment "${paths.table}"`).length - 1,
  };
}

const NOTHING = { links: [], table: false, accepts: 0 };

test('where no container is, running or not, an engine that ends leaves no link, table or rule; all is made anew when it is needed', async () => {
  const { Id: before } = api('GET', '/networks/bridge');
  api('POST', '/networks/create', JSON.stringify({ Name: 'own' }));
  const [one, two] = [start(), start('own')];
  expect(onHost()).toMatchObject({ table: true, accepts: 4 });
  expect(onHost().links.length).toBeGreaterThanOrEqual(2);
  expect(api('GET', '/networks/bridge').Id).toBe(before);
  api('DELETE', `/containers/${one}?force=1`);

  expect(bayplan('engine', 'stop')).toBe('engine stopped; 1 container goes on\n');
  expect(onHost()).toMatchObject({ table: true, accepts: 4 });
  bayplan('ls');
  api('POST', `/containers/${two}/stop?t=0`);
  expect(bayplan('engine', 'stop')).toBe('engine stopped\n'); // one is there
  expect(onHost().table).toBe(true);
  bayplan('ls');
  api('DELETE', `/containers/${two}`);

  bayplan('engine', 'stop');
  expect(onHost()).toEqual(NOTHING);
  expect(bayplan('network', 'ls')).toMatch(/ bridge .* own .*/s);
  for (const network of ['default', 'own']) {
    const id = start(network);
    expect(onHost()).toMatchObject({ table: true, accepts: 4 });
    api('DELETE', `/containers/${id}?force=1`);
  }
  expect(api('GET', '/networks/bridge').Id).toBe(before);

  execFileSync('pkill', ['-TERM', '-f', '--', `--root ${paths.root} engine run`]); // as a service manager ends it
  await eventually(() => expect(onHost()).toEqual(NOTHING));
});

test('an up whose image cannot be had leaves no network and no volume, as with docker compose', () => {
  writeFileSync(join(folder, 'compose.yaml'), 'services: { here: { image: bayplan/hello, volumes: ["data:/data"] }, away: { image: "127.0.0.1:9/away:1" } }\nvolumes: { data: {} }\n');
  const { status, stdout, stderr } = spawnSync('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, program, '--root', paths.root, '-p', 'failed', '-f', join(folder, 'compose.yaml'), 'up', '-d'], { encoding: 'utf8' });
  expect([status, stdout + stderr]).toEqual([1, expect.stringContaining('127.0.0.1:9/away:1')]);
  expect(bayplan('network', 'ls')).not.toContain('failed');
  expect(bayplan('volume', 'ls')).not.toContain('failed');
  expect(onHost()).toEqual(NOTHING);
});

test('networks get the 31 pools, each another one; then none is left until a network goes or a route', () => {
  inside(['ip', 'link', 'add', 'vpn', 'type', 'bridge']);
  inside(['ip', 'addr', 'add', '192.168.33.1/24', 'dev', 'vpn']); // as a VPN's: the pool that has it is no one's
  inside(['ip', 'link', 'set', 'vpn', 'up']);
  const create = `curl -sS --unix-socket ${paths.socket} -H 'Content-Type: application/json' http://x/networks/create -d`;
  bayplan('ls');
  const [refused = '', ...rest] = inside(['sh', '-c', `for i in $(seq 32); do ${create} "{\\"Name\\":\\"n$i\\"}"; echo; done`]).split('\n').filter((line) => line.includes('"message"'));
  const made: readonly { name: string; subnet: string }[] = JSON.parse(inside(['curl', '-sS', '--unix-socket', paths.socket, 'http://x/networks']))
    .flatMap(({ Name, Driver, IPAM }: { Name: string; Driver: string; IPAM: { Config: readonly { Subnet: string }[] } }) => (Driver === 'bridge' ? IPAM.Config.map(({ Subnet }) => ({ name: Name, subnet: Subnet })) : []));
  const pools = [...Array.from({ length: 15 }, (_, index) => `172.${String(17 + index)}.0.0/16`), ...Array.from({ length: 16 }, (_, index) => `192.168.${String(index * 16)}.0/20`)];
  expect(made.map(({ subnet }) => subnet).sort()).toEqual(pools.filter((pool) => pool !== '192.168.32.0/20').sort());
  expect(JSON.parse(refused)).toMatchObject({ code: 'subnet-taken', message: expect.stringMatching(/^network n\d+: all 31 address pools overlap with networks or routes of this host; remove networks, or give it a subnet \(ipam: config: subnet\)$/) });
  expect(onHost().links.filter((name) => !name.startsWith('bp-v'))).toHaveLength(made.filter(({ name }) => name !== 'bridge').length);
  expect(rest).toHaveLength(32 - made.filter(({ name }) => name !== 'bridge').length - 1);
  inside(['ip', 'link', 'delete', 'vpn']);
  expect(api('POST', '/networks/create', '{"Name":"last"}').Id).toMatch(/^[0-9a-f]{64}$/);
  api('DELETE', '/networks/n1');
  expect(api('POST', '/networks/create', '{"Name":"more"}').Id).toMatch(/^[0-9a-f]{64}$/);
  api('POST', '/networks/prune');
  expect(onHost().links).toEqual([]);
});

test('the pools of the engine\'s configuration are used instead, in both families, and say so once they run out', () => {
  bayplan('engine', 'stop');
  const pools = [{ base: '10.99.0.0/23', size: 24 }, { base: 'fd00:99::/63', size: 64 }];
  writeFileSync(paths.config, JSON.stringify({ version: 1, 'default-address-pools': pools }));
  bayplan('ls');
  expect(info()).toMatchObject({ DefaultAddressPools: [{ Base: '10.99.0.0/23', Size: 24 }, { Base: 'fd00:99::/63', Size: 64 }] });
  for (const name of ['one', 'two']) api('POST', '/networks/create', JSON.stringify({ Name: name, EnableIPv6: true }));
  const links: readonly { ifname: string; addr_info: readonly { local: string; prefixlen: number; scope: string }[] }[] = JSON.parse(inside(['ip', '-j', 'addr']));
  const bridges = links.filter(({ ifname }) => ifname.startsWith(paths.linkPrefix)).map(({ addr_info }) => addr_info.filter(({ scope }) => scope === 'global').map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort());
  expect(bridges.sort()).toEqual([['10.99.0.1/24', 'fd00:99::1/64'], ['10.99.1.1/24', 'fd00:99:0:1::1/64']]);
  const third = (body: object): unknown => JSON.parse(inside(['curl', '-sS', '--unix-socket', paths.socket, '-H', 'Content-Type: application/json', '-d', JSON.stringify(body), 'http://x/networks/create']));
  expect(third({ Name: 'three' })).toMatchObject({ code: 'subnet-taken', message: "network three: no subnet is left in the engine's default-address-pools (10.99.0.0/23 by /24): all overlap with networks or routes of this host; remove networks, or give it a subnet (ipam: config: subnet)" });
  expect(third({ Name: 'three', IPAM: { Config: [{ Subnet: '10.98.0.0/24' }] } })).toMatchObject({ Id: expect.stringMatching(/^[0-9a-f]{64}$/) });
  api('DELETE', '/networks/one');
  expect(third({ Name: 'four' })).toMatchObject({ Id: expect.stringMatching(/^[0-9a-f]{64}$/) });
  api('POST', '/networks/prune');
});
