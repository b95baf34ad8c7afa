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
