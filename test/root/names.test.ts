import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Machine, program } from './harness.ts';

const STACK = `
services:
  client:
    image: bayplan/hello
    command: [sleep, "100000"]
    stop_signal: SIGKILL
    networks: [front]
    links: ["web:shop", "db"]
    external_links: ["demo-web-2:second"]
    dns_search: [corp.test]
    dns_opt: ["timeout:1"]
    extra_hosts: ["there=192.0.2.7", "host.docker.internal=host-gateway"]
  web:
    image: bayplan/hello
    command: [sh, -c, "touch /fit && exec sleep 100000"]
    stop_signal: SIGKILL
    healthcheck: { test: ["CMD", "test", "-e", "/fit"], interval: 100ms, start_interval: 50ms, retries: 1 }
    scale: 3
    networks: { front: { aliases: [Site] }, back: {} }
  db:
    image: bayplan/hello
    command: [sleep, "100000"]
    stop_signal: SIGKILL
    networks: { back: { aliases: [store] } }
networks: { front: { internal: true }, back: { internal: true } }
`;

let machine: Machine;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(STACK, { wait: true })).toMatchObject({ ok: true });
});
afterAll(() => machine.dispose());

const run = promisify(execFile);

/** Addresses a name has inside a container, asked by its own nslookup (which takes search domains first, hence the dot) without any engine: [] for a name that is not there. */
async function resolve(container: string, name: string): Promise<readonly string[]> {
  const pid = pids.get(container) ?? machine.engine.container(container).status?.pid ?? 0;
  const { stdout } = await run('nsenter', ['--target', String(pid), '--mount', '--net', '/bin/nslookup', '-type=a', `${name}.`]).catch((error: { stdout: string }) => error);
  return [...stdout.matchAll(/^Address: ([0-9.]+)$/gm)].map(([, address = '']) => address).sort();
}
/** The name that an address leads back to inside a container; null where there is none. */
async function back(container: string, address: string): Promise<string | null> {
  const pid = machine.engine.container(container).status?.pid ?? 0;
  const { stdout } = await run('nsenter', ['--target', String(pid), '--mount', '--net', '/bin/nslookup', address]).catch((error: { stdout: string }) => error);
  return /name = (\S+)$/m.exec(stdout)?.[1] ?? null;
}
/** Pids of containers while there is no engine to ask. */
const pids = new Map<string, number>();

const address = (container: string, network: string): string => machine.engine.container(container).status?.addresses[`demo_${network}`] ?? '';
const webs = (...slots: readonly number[]): readonly string[] => websOn('front', ...slots);
const websOn = (network: string, ...slots: readonly number[]): readonly string[] => slots.map((slot) => address(`demo-web-${slot}`, network)).sort();
const client = (name: string): Promise<readonly string[]> => resolve('demo-client-1', name);

describe('in a container', () => {
  it('a service is all its replicas, and each has its own names', async () => {
    expect(await client('web')).toEqual(webs(1, 2, 3));
    expect(await client('demo-web-2')).toEqual(webs(2));
    expect(await client(machine.engine.container('demo-web-3').status?.id.slice(0, 12) ?? '')).toEqual(webs(3));
  });

  it('an alias holds on its network, and names of other networks are not there', async () => {
    expect(await client('SITE')).toEqual(webs(1, 2, 3));
    expect(await client('store')).toEqual([]);
    expect(await client('demo-db-1')).toEqual([]);
    expect(await resolve('demo-web-1', 'store')).toEqual([address('demo-db-1', 'back')]);
    expect(await resolve('demo-db-1', 'site')).toEqual([]);
  });

  it('each name is there with its network behind it too, on networks of its own alone, and an address leads back to it', async () => {
    expect(await resolve('demo-web-1', 'web.demo_back')).toEqual(websOn('back', 1, 2, 3));
    expect(await resolve('demo-web-1', 'store.demo_back')).toEqual([address('demo-db-1', 'back')]);
    expect(await resolve('demo-web-1', 'site.demo_back')).toEqual([]);
    expect(await client('web.demo_front')).toEqual(webs(1, 2, 3));
    expect(await client('Site.Demo_Front')).toEqual(webs(1, 2, 3));
    expect(await client('demo-web-2.demo_front')).toEqual(webs(2));
    expect(await client(`${machine.engine.container('demo-web-3').status?.id.slice(0, 12) ?? ''}.demo_front`)).toEqual(webs(3));
    for (const name of ['db.demo_back', 'web.demo_back', 'demo-db-1.demo_back', 'store.demo_front', 'site.demo_back', 'db.demo_front', 'web.demo', 'web.front']) expect(await client(name)).toEqual([]);
    expect(await resolve('demo-db-1', 'web.demo_front')).toEqual([]);
    expect(await back('demo-client-1', address('demo-web-2', 'front'))).toBe('demo-web-2.demo_front');
    expect(await back('demo-client-1', address('demo-db-1', 'back'))).toBeNull();
  });

  it('a link is a name for this container alone, and no way to another network', async () => {
    expect(await client('shop')).toEqual(webs(1, 2, 3));
    expect(await client('second')).toEqual(webs(2));
    expect(await client('db')).toEqual([]);
    expect(await resolve('demo-web-1', 'shop')).toEqual([]);
  });

  it('resolv.conf and hosts say what the file says', async () => {
    expect((await machine.exec('demo-client-1', 'cat', '/etc/resolv.conf')).output).toBe('nameserver 127.0.0.11\nsearch corp.test\noptions timeout:1 ndots:0\n');
    const { output } = await machine.exec('demo-client-1', 'cat', '/etc/hosts');
    expect(output).toMatch(/^192\.0\.2\.7\tthere$/m);
    const [, gateway = ''] = /^(.*)\thost\.docker\.internal$/m.exec(output) ?? [];
    expect(Object.values(networkInterfaces()).flat().map((each) => each?.address)).toContain(gateway);
  });
});

describe('health', () => {
  it('leaves a replica out that fails its check, and answers all of them where none passes', async () => {
    await machine.exec('demo-web-2', 'rm', '/fit');
    await eventually(async () => expect(await client('web')).toEqual(webs(1, 3)));
    expect(await client('demo-web-2')).toEqual(webs(2));
    await Promise.all([machine.exec('demo-web-1', 'rm', '/fit'), machine.exec('demo-web-3', 'rm', '/fit')]);
    await eventually(async () => expect(await client('web')).toEqual(webs(1, 2, 3)));
    await machine.exec('demo-web-2', 'touch', '/fit');
    await eventually(async () => expect(await client('web')).toEqual(webs(2)));
    await Promise.all([machine.exec('demo-web-1', 'touch', '/fit'), machine.exec('demo-web-3', 'touch', '/fit')]);
    await eventually(async () => expect(await client('web')).toEqual(webs(1, 2, 3)));
  });
});

it('names go on while the engine is dead, and a peer made anew is found once the next one has made it', async () => {
  await machine.close();
  const engine = spawn(process.execPath, [program, '--root', machine.root, 'engine', 'run'], { stdio: 'ignore' });
  const ended = new Promise((done) => engine.once('exit', done));
  await eventually(async () => expect((await run('curl', ['-s', '--unix-socket', machine.paths.socket, 'http://x/_ping'])).stdout).toBe('OK'));
  const { stdout } = await run('curl', ['-s', '--unix-socket', machine.paths.socket, 'http://x/containers/json']);
  const listed: readonly { Names: readonly string[]; Id: string }[] = JSON.parse(stdout);
  for (const { Names: [name = ''], Id } of listed) {
    const ready: { pid: number } = JSON.parse(readFileSync(`${machine.paths.bundles}/${Id.slice(0, 16)}/pid`, 'utf8'));
    pids.set(name.slice(1), ready.pid);
  }
  engine.kill('SIGKILL');
  await ended;
  const before = await resolve('demo-web-1', 'db');
  expect(before).toHaveLength(1);
  expect(await client('web')).toHaveLength(3);
  pids.clear();

  await machine.open();
  expect(await resolve('demo-web-1', 'db')).toEqual(before);
  for (const seconds of ['200000', '300000']) { // twice: a new engine gives addresses from the first free one on, which is the one just released
    const changed = await machine.up(STACK.replace(/(db:.*?)100000/s, `$1${seconds}`));
    expect(changed).toMatchObject({ ok: true });
    expect(changed.done).toContain('create-container demo-db-1');
  }
  expect(address('demo-db-1', 'back')).not.toBe(before[0]);
  expect(await resolve('demo-web-1', 'db')).toEqual([address('demo-db-1', 'back')]);
});
