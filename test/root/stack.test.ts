import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { eventually, Machine } from './harness.ts';
import { leftovers } from './leftovers.ts';
import { machineForEach } from './machine-of-tests.ts';

let machine: Machine;
machineForEach((made) => {
  machine = made;
});

const status = (name: string): NonNullable<ReturnType<typeof machine.engine.container>['status']> => {
  const { status: found } = machine.engine.container(name);
  if (found === null) throw new Error(`${name} has no status`);
  return found;
};

const two = (environment = 'A') => `
services:
  web:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    environment: { COLOUR: "${environment}" }
    depends_on: [db]
  db:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    networks: { default: { aliases: [database] } }
    volumes: ["data:/data"]
volumes:
  data:
`;

describe('up and down', () => {
  it('makes what the file says, does nothing the second time, and leaves nothing but the volume', async () => {
    const first = await machine.up(two());
    expect(first).toMatchObject({ ok: true, message: '' });
    expect(first.done.indexOf('start-container demo-db-1')).toBeLessThan(first.done.indexOf('start-container demo-web-1'));
    expect(existsSync(`/proc/${status('demo-web-1').pid}`)).toBe(true);
    const links: unknown = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' }));
    expect(JSON.stringify(links)).toContain(machine.engine.networks.list().get('demo_default')?.status?.link);

    const again = await machine.up(two());
    expect([again.ok, again.done]).toEqual([true, []]);

    await machine.exec('demo-db-1', 'sh', '-c', 'echo kept > /data/file');
    expect((await machine.down({ stopTimeoutSeconds: 0 })).ok).toBe(true);
    await eventually(() => expect(leftovers(machine.paths)).toEqual([]));
    expect([...machine.engine.volumes.list().keys()]).toEqual(['demo_data']);

    await machine.up(two());
    expect((await machine.exec('demo-db-1', 'cat', '/data/file')).output).toBe('kept\n');
    await machine.down({ volumes: true, stopTimeoutSeconds: 0 });
    expect([...machine.engine.volumes.list().keys()]).toEqual([]);
  });

  it('recreates the service whose environment changed, alone, and names the variable', async () => {
    await machine.up(two());
    const before = status('demo-db-1').pid;
    const changed = await machine.up(two('B'), {});
    expect([...changed.done].sort()).toEqual(['create-container demo-web-1', 'remove-container demo-web-1', 'start-container demo-web-1', 'stop-container demo-web-1']);
    expect(JSON.stringify(changed.events)).toContain('environment.COLOUR changed');
    expect(status('demo-db-1').pid).toBe(before);
    expect((await machine.exec('demo-web-1', 'sh', '-c', 'echo $COLOUR')).output).toBe('B\n');
  });

  it('resolves service names, container names and aliases, all replicas, and nothing of another stack', async () => {
    await machine.up(two());
    await machine.up('services: {lonely: {image: bayplan/hello, command: [sleep, "1000"]}}', { name: 'other' });
    for (const name of ['db', 'demo-db-1', 'database']) {
      const { code, output } = await machine.exec('demo-web-1', 'nslookup', '-type=a', name, '127.0.0.11');
      expect([name, code, output]).toEqual([name, 0, expect.stringContaining(status('demo-db-1').addresses['demo_default'] ?? '?')]);
    }
    expect((await machine.exec('demo-web-1', 'nslookup', '-type=a', 'lonely', '127.0.0.11')).code).not.toBe(0);
    expect((await machine.exec('demo-web-1', 'ping', '-c1', '-W2', 'db')).code).toBe(0);
  });

  it('reports a service that left the file, and removes it when asked', async () => {
    await machine.up(two());
    const without = 'services: {db: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, networks: {default: {aliases: [database]}}, volumes: ["data:/data"]}}\nvolumes: {data: }';
    const kept = await machine.up(without);
    expect(JSON.stringify(kept.events)).toContain('belongs to service web, which is not in the file');
    expect([...machine.engine.containers.list().keys()].sort()).toEqual(['demo-db-1', 'demo-web-1']);
    await machine.up(without, { removeOrphans: true });
    expect([...machine.engine.containers.list().keys()]).toEqual(['demo-db-1']);
  });
});

describe('depends_on', () => {
  const gated = (test: string, once: string) => `
services:
  app:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    depends_on: { db: { condition: service_healthy }, migrate: { condition: service_completed_successfully } }
  migrate: { image: bayplan/hello, command: ["sh", "-c", "${once}"] }
  db:
    image: bayplan/hello
    command: ["sh", "-c", "sleep 0.3; touch /ready; sleep 1000"]
    stop_signal: SIGKILL
    healthcheck: { test: "${test}", interval: 200ms, timeout: 2s, retries: 2 }
`;
  it('waits for health and for exit 0', async () => {
    const outcome = await machine.up(gated('test -e /ready', 'exit 0'));
    expect(outcome).toMatchObject({ ok: true });
    const at = (id: string): number => outcome.done.indexOf(id);
    expect(at('start-container demo-app-1')).toBeGreaterThan(at('wait-container demo-db-1 healthy'));
    expect(at('start-container demo-app-1')).toBeGreaterThan(at('wait-container demo-migrate-1 completed'));
    expect(status('demo-db-1').health).toBe('healthy');
    expect((await machine.up(gated('test -e /ready', 'exit 0'))).done).toEqual([]);
  });

  it('skips and names the dependents of what failed, settles the rest, and goes on from there', async () => {
    const failed = await machine.up(gated('test -e /ready', 'exit 3'));
    expect(failed.ok).toBe(false);
    expect(failed.message).toContain('demo-migrate-1 ended with code 3');
    expect(failed.events.find((event) => event.type === 'step' && event.state === 'skipped')).toMatchObject({ id: 'start-container demo-app-1', message: '"wait-container demo-migrate-1 completed" failed' });
    expect(status('demo-db-1').health).toBe('healthy');
    const next = await machine.up(gated('test -e /ready', 'exit 0'));
    expect([next.ok, next.done.includes('start-container demo-app-1'), next.done.some((id) => id.includes('demo-db-1'))]).toEqual([true, true, false]);
  });

  it('ends with the last output of a health check that never passes', async () => {
    const outcome = await machine.up(gated('echo no such luck; exit 1', 'exit 0'));
    expect(outcome.ok).toBe(false);
    expect(outcome.message).toContain('container demo-db-1 is unhealthy: no such luck');
  });

  it('lets `down` overtake an `up` that waits for health', async () => {
    const up = machine.up(gated('exit 1', 'exit 0').replace('retries: 2', 'retries: 1000'));
    await eventually(() => expect(status('demo-db-1').health).toBe('starting'));
    expect((await machine.down({ stopTimeoutSeconds: 0 })).ok).toBe(true);
    expect(await up).toMatchObject({ ok: false, message: expect.stringContaining('a later down of this stack took over') as string });
    await eventually(() => expect(leftovers(machine.paths)).toEqual([]));
  });
});

describe('wrong use', () => {
  const one = (rest: string) => `services: {one: {image: bayplan/hello, ${rest}}}`;

  it('says which image is not there, and how to get it', async () => {
    expect(await machine.up('services: {one: {image: "nothing:1", pull_policy: never}}')).toMatchObject({ ok: false, message: expect.stringContaining('image nothing:1 is not in the store, and its pull_policy is "never": load it with "bayplan load FILE"') as string });
  });

  it('names a command that is not in the image, with 127', async () => {
    const outcome = await machine.up(one('command: [no-such-thing]'));
    expect([outcome.ok, outcome.message]).toEqual([false, expect.stringMatching(/demo-one-1.*no-such-thing.*not found/)]);
    expect(status('demo-one-1').exitCode).toBe(127);
  });

  it('names a bind source that is missing', async () => {
    const outcome = await machine.up(one('command: [sleep, "9"], volumes: [{type: bind, source: /no/such, target: /x, bind: {create_host_path: false}}]'));
    expect(outcome.message).toBe('start-container demo-one-1: container demo-one-1 (image bayplan/hello): bind source /no/such does not exist (for /x): make it, or set bind.create_host_path');
    expect(status('demo-one-1')).toMatchObject({ phase: 'exited', exitCode: 125 });
  });

  it('finds before the start that a range is taken, and that a port is by IPv6 alone', async () => {
    const listen = async (port: number, host: string): Promise<Server> => {
      const server = createServer().listen({ port, host, ipv6Only: true });
      await once(server, 'listening');
      return server;
    };
    const first = 47_000 + 10 * Math.floor(Math.random() * 90);
    const servers = [await listen(first, '0.0.0.0'), await listen(first + 1, '0.0.0.0'), await listen(first + 2, '::')];
    const quiet = 'image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL';
    try {
      expect(await machine.up(`services: {one: {${quiet}, ports: ["${first}-${first + 1}:80"]}}`)).toMatchObject({ ok: false, message: `start-container demo-one-1: no free tcp port is left between ${first} and ${first + 1}; give the service a longer range, or stop what has them` });
      expect(machine.engine.containers.list().has('demo-one-1')).toBe(false);
      const six = await machine.up(`services: {six: {${quiet}, ports: ["${first + 2}:80"]}}\nnetworks: {default: {enable_ipv6: true}}`, { name: 'six' });
      expect([six.ok, six.message]).toEqual([false, expect.stringMatching(new RegExp(`^start-container six-six-1: port \\[::\\]:${first + 2}/tcp is taken by .+ \\(pid ${process.pid}\\)`))]);
      expect([machine.engine.containers.list().has('six-six-1'), machine.engine.networks.list().has('six_default')]).toEqual([false, false]);
      // By IPv4 alone nobody has it; of a range one is enough.
      expect(await machine.up(`services: {one: {${quiet}, ports: ["0.0.0.0:${first + 2}:80", "${first + 1}-${first + 3}:81"]}}`)).toMatchObject({ ok: true });
    } finally {
      for (const server of servers) server.close();
      await machine.down({ name: 'six' });
    }
  });

  it('names the holder of a port that is taken before anything is made, and goes on once the port is free', async () => {
    const server = createServer().listen(0, '0.0.0.0');
    await once(server, 'listening');
    const { port } = z.object({ port: z.int() }).parse(server.address());
    const text = one(`command: [sleep, "1000"], stop_signal: SIGKILL, ports: ["${port}:80"]`);
    try {
      const outcome = await machine.up(text);
      expect([outcome.ok, outcome.message]).toEqual([false, expect.stringMatching(new RegExp(`^start-container demo-one-1: port 0\\.0\\.0\\.0:${port}/tcp is taken by .+ \\(pid ${process.pid}\\); publish another one, or stop what has it$`))]);
      expect([machine.engine.containers.list().has('demo-one-1'), machine.engine.networks.list().has('demo_default')]).toEqual([false, false]);
    } finally {
      server.close();
    }
    await once(server, 'close');
    expect(await machine.up(text)).toMatchObject({ ok: true, done: ['create-network demo_default', 'create-container demo-one-1', 'start-container demo-one-1', 'publish-ports demo-one-1'] });
    const quiet = 'image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL';
    expect(await machine.up(`services: {two: {${quiet}, ports: ["${port}:80"]}, three: {${quiet}}}`, { name: 'other' })).toMatchObject({ ok: false, message: `start-container other-two-1: port 0.0.0.0:${port}/tcp is taken by container demo-one-1; publish another one, or stop what has it` });
    expect([...machine.engine.containers.list().keys(), ...machine.engine.networks.list().keys()].filter((name) => name.startsWith('other'))).toEqual([]);
    // Neither is one that runs touched for a port that another has.
    expect(await machine.up(text.replace(/, ports: .*]/, ''), { name: 'other' })).toMatchObject({ ok: true });
    const { pid } = machine.engine.container('other-one-1').status ?? {};
    expect(await machine.up(text, { name: 'other' })).toMatchObject({ ok: false, done: [], message: expect.stringContaining(`other-one-1: port 0.0.0.0:${port}/tcp is taken by container demo-one-1;`) });
    expect(machine.engine.container('other-one-1').status).toMatchObject({ phase: 'running', pid });
    expect(await machine.down({ name: 'other' })).toMatchObject({ ok: true });
    // Within a stack it is handed over.
    expect(await machine.up(`services: {one: {${quiet}}, two: {${quiet}, ports: ["${port}:80"]}}`)).toMatchObject({ ok: true });
    expect([status('demo-one-1').ports, status('demo-two-1').ports]).toMatchObject([[], [{ published: port }]]);
  });

  it('gives up nothing that runs for what this machine cannot hold', async () => {
    expect(await machine.up(one('command: [sleep, "1000"], stop_signal: SIGKILL'))).toMatchObject({ ok: true });
    const { pid } = status('demo-one-1');
    for (const [keys, problem] of [
      ['cpuset: "4000"', 'cpuset "4000": this machine has the processors'], ['devices: [/dev/no-such]', 'devices: there is no /dev/no-such on this machine'],
      ['ports: ["198.51.100.9:48123:80"]', '198.51.100.9:48123/tcp: this host has no address 198.51.100.9; publish on one it has, or on all'],
    ] as const) {
      expect(await machine.up(one(`command: [sleep, "2000"], stop_signal: SIGKILL, ${keys}`)), keys).toMatchObject({ ok: false, done: [], message: expect.stringContaining(`demo-one-1: ${problem}`) });
      expect(status('demo-one-1'), keys).toMatchObject({ phase: 'running', pid });
    }
    const shares = 'create-container demo-one-1: container nowhere, whose namespaces it shares, is not there; bring it up first';
    expect(await machine.up(one('command: [sleep, "2000"], stop_signal: SIGKILL, ipc: "container:nowhere"'))).toMatchObject({ ok: false, done: [], message: shares });
    expect(status('demo-one-1')).toMatchObject({ phase: 'running', pid });
  });

  it('says with --wait that a container ended, or keeps ending', async () => {
    const ended = await machine.up(one('command: ["sh", "-c", "sleep 0.2; exit 3"]'), { wait: true });
    expect(ended).toMatchObject({ ok: false, message: expect.stringContaining('demo-one-1 ended with code 3') as string });
    const again = await machine.up(one('command: ["sh", "-c", "sleep 0.2; exit 3"], restart: always'), { wait: true });
    expect(again).toMatchObject({ ok: false, message: expect.stringContaining('keeps ending') as string });
    expect(await machine.up(one('command: ["true"]'), { wait: true })).toMatchObject({ ok: true });
  });

  it('takes a stack down though the disk is full, and says at `up` that it is', async () => {
    const mounted = `${machine.folder}/small`;
    execFileSync('sh', ['-c', `mkdir ${mounted} && mount -t tmpfs -o size=8m tmpfs ${mounted}`]);
    const small = new Machine(`${mounted}/root`);
    try {
      await small.open();
      await small.loadHello();
      const fill = 'services: {one: {image: bayplan/hello, command: ["sh", "-c", "cat /dev/zero > /fill; sleep 1000"], stop_signal: SIGKILL}}';
      expect(await small.up(fill)).toMatchObject({ ok: true });
      await eventually(async () => expect((await small.exec('demo-one-1', 'df', '/')).output).toContain('100%'));
      expect(await small.up(`${fill.slice(0, -1)}, two: {image: bayplan/hello}}`)).toMatchObject({ ok: false, message: expect.stringContaining('no space left on device') as string });
      expect(await small.down()).toMatchObject({ ok: true });
      expect([...small.engine.containers.list().keys()]).toEqual([]);
    } finally {
      await small.dispose();
      execFileSync('umount', [mounted]);
    }
  });

  it('builds the packet rules again after somebody has flushed them', async () => {
    const file = one('command: [sleep, "1000"], stop_signal: SIGKILL, ports: ["127.0.0.1::80"]');
    await machine.up(file);
    execFileSync('nft', ['delete', 'table', 'inet', machine.paths.table]);
    expect(await machine.up(file)).toMatchObject({ ok: true });
    expect(execFileSync('nft', ['list', 'table', 'inet', machine.paths.table], { encoding: 'utf8' })).toContain(' . 80');
  });

  it('lets two `up` at once on one stack both end well', async () => {
    const outcomes = await Promise.all([machine.up(two()), machine.up(two())]);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true]);
    expect(machine.engine.containers.list().size).toBe(2);
  });

  it('kills a container that ignores SIGTERM after its grace period', async () => {
    await machine.up(one(`command: ["sh", "-c", "trap '' TERM; while true; do sleep 0.1; done"], stop_grace_period: 300ms`));
    expect((await machine.down()).ok).toBe(true);
  });

  it('shortens a stop that is under way for a down that gives less time', async () => {
    await machine.up(one(`command: ["sh", "-c", "trap : TERM; echo ready; while true; do sleep 0.1; done"], stop_grace_period: 10m`));
    await eventually(async () => expect(await machine.output('demo-one-1')).toContain('ready'));
    const patient = machine.down();
    await eventually(() => expect(status('demo-one-1').held).toBe(true));
    expect(await machine.down({ stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
    expect(await patient).toMatchObject({ ok: false, message: 'cancelled: a later down of this stack took over' });
    expect(machine.engine.containers.list().size).toBe(0);
  });

  it('holds a container that forks without end inside its pids limit, and stops it', async () => {
    await machine.up(one('command: ["sh", "-c", "(while true; do sleep 1000 & done) & exec sleep 1000"], pids_limit: 20, stop_signal: SIGKILL'));
    const file = pidsFile(status('demo-one-1').id);
    await eventually(() => expect(Number(readFileSync(file, 'utf8'))).toBeGreaterThanOrEqual(15));
    expect(Number(readFileSync(file, 'utf8'))).toBeLessThanOrEqual(20);
    expect((await machine.down()).ok).toBe(true);
  });
});

function pidsFile(id: string): string {
  const path = `${machine.paths.cgroup}/${id.slice(0, 16)}/pids.current`;
  const v1 = `/sys/fs/cgroup/pids/${path}`;
  return existsSync(v1) ? v1 : `/sys/fs/cgroup/${path}`;
}
