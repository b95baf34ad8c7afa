import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { EngineEvent } from '../../src/engine/event-log.ts';
import { KernelWatch } from '../../src/runtime/kernel-watch.ts';
import { eventually, Machine } from './harness.ts';

let machine: Machine;
let events: EngineEvent[];
beforeEach(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  events = [];
  machine.engine.events.onEvent((event) => events.push(event));
});
afterEach(() => machine.dispose());

/** Healed within a second is asked for; a loaded machine gets more. */
const BOUND_MS = 5000;
const WEB = 'demo-web-1';
/** One of its own for each run. */
const PORT = String(20_000 + process.pid % 10_000);

const file = (own = '', more = ''): string => `
services:
  web:
    image: bayplan/hello
    command: [httpd, -f, -p, "80", -h, /www]
    stop_signal: SIGKILL
    mem_limit: 64m
    mem_reservation: 32m
    pids_limit: 50
    cpuset: "0"
    ports: ["127.0.0.1:${PORT}:80"]
    volumes: ["data:/www"]
    tmpfs: [/scratch]
    ${own === '' ? '' : `x-bayplan: ${own}`}
    ${more}
${own.includes('drift') ? `x-bayplan: ${own}` : ''}
volumes: { data: }
`;

const sh = (command: string): string => execFileSync('sh', ['-c', command], { encoding: 'utf8' });
const status = (): NonNullable<ReturnType<typeof machine.engine.container>['status']> => {
  const { status: found } = machine.engine.container(WEB);
  if (found === null) throw new Error('no status');
  return found;
};
const inside = (command: string): string => sh(`nsenter -t ${status().pid} -n ${command}`);
const bridge = (): string => machine.engine.networks.list().get('demo_default')?.status?.link ?? '';
const address = (): string => status().addresses['demo_default'] ?? '';
const told = (action: string, name: string): readonly EngineEvent[] => events.filter((event) => event.action === action && event.attributes['name'] === name);
/** The host's side of the container's link. */
const port = (): string => {
  const index = /@if(\d+)/.exec(inside('ip -o link show eth0'))?.[1] ?? '';
  return new RegExp(`^${index}: ([^@:]+)`, 'm').exec(sh('ip -o link'))?.[1] ?? '';
};
const served = (): string => sh(`curl -s -m 1 -o /dev/null -w %{http_code} http://127.0.0.1:${PORT}/ || true`);
const limit = (controller = 'memory', names = ['memory.limit_in_bytes', 'memory.max']): string => {
  const folder = [`/sys/fs/cgroup/${controller}`, '/sys/fs/cgroup'].map((top) => join(top, machine.paths.cgroup, status().id.slice(0, 16))).find((path) => existsSync(path)) ?? '';
  return names.map((name) => join(folder, name)).find((path) => existsSync(path)) ?? '';
};
const reservation = (): string => limit('memory', ['memory.soft_limit_in_bytes', 'memory.low']);
const localnet = (): string => `/proc/sys/net/ipv4/conf/${bridge()}/route_localnet`;
const frozen = (): string => ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].map((top) => join(top, machine.paths.cgroup, status().id.slice(0, 16), 'cgroup.freeze')).find((path) => existsSync(path)) ?? '';
const bundle = (): string => join(machine.paths.bundles, status().id.slice(0, 16));
const processors = (): string => limit('cpuset', ['cpuset.cpus']);
/** The file that the names of its network resolve by. */
const zone = (): string => join(machine.paths.zones, (machine.engine.networks.list().get('demo_default')?.status?.id ?? '').slice(0, 16));

async function upWatched(text = file()): Promise<void> {
  expect(await machine.up(text, { wait: true })).toMatchObject({ ok: true, message: '' });
  // It is watched from a moment after its start on; what happens before that is found by the first look then. Which mounts it has, this one sees.
  expect(await machine.engine.stackDrift('demo')).toEqual([]);
}

/** Each kind: what a hand does, and how the kernel shows that it is as it was. */
const KINDS: readonly { readonly what: string; readonly object: string; readonly field: RegExp; readonly change: () => void; readonly isRight: () => void; readonly restarts?: true }[] = [
  { what: 'the host\'s side of its link deleted', object: WEB, field: /link/, change: () => sh(`ip link del ${port()}`), isRight: () => expect(inside('ip -o -4 addr show eth0')).toContain(address()) },
  { what: 'its link set down inside', object: WEB, field: /link/, change: () => inside('ip link set eth0 down'), isRight: () => expect(inside('ip -o link show eth0')).toMatch(/[<,]UP[,>]/) },
  { what: 'its MTU changed', object: WEB, field: /mtu/, change: () => inside('ip link set eth0 mtu 1280'), isRight: () => expect(inside('ip -o link show eth0')).toContain('mtu 1500') },
  { what: 'its hardware address changed', object: WEB, field: /mac/, change: () => inside('ip link set eth0 address 02:00:00:00:00:09'), isRight: () => expect(inside('ip -o link show eth0')).toContain('link/ether 02:42:') },
  { what: 'its link moved elsewhere', object: WEB, field: /link/, change: () => sh(`nsenter -t ${status().pid} -n ip link set eth0 netns 1 name dr${PORT}; ip link del dr${PORT}`), isRight: () => expect(inside('ip -o -4 addr show eth0')).toContain(address()) },
  { what: 'its address deleted', object: WEB, field: /address/, change: () => inside('ip addr flush dev eth0'), isRight: () => expect(inside('ip -o -4 addr show eth0')).toContain(address()) },
  { what: 'its default route deleted', object: WEB, field: /route/, change: () => inside('ip route del default'), isRight: () => expect(inside('ip route')).toContain('default via') },
  { what: 'all its routes deleted', object: WEB, field: /route/, change: () => inside('ip route flush dev eth0'), isRight: () => expect(inside('ip route')).toMatch(/^default via [\s\S]*scope link src/) },
  { what: 'its memory limit changed', object: WEB, field: /memory/, change: () => writeFileSync(limit(), String(32 << 20)), isRight: () => expect(readFileSync(limit(), 'utf8').trim()).toBe(String(64 << 20)) },
  { what: 'its reservation of memory changed', object: WEB, field: /memory/, change: () => writeFileSync(reservation(), String(16 << 20)), isRight: () => expect(readFileSync(reservation(), 'utf8').trim()).toBe(String(32 << 20)) },
  { what: 'its number of processes changed', object: WEB, field: /pids/, change: () => writeFileSync(limit('pids', ['pids.max']), '10'), isRight: () => expect(readFileSync(limit('pids', ['pids.max']), 'utf8').trim()).toBe('50') },
  { what: 'its choice of processors changed', object: WEB, field: /cpuset/, change: () => writeFileSync(processors(), '0-1'), isRight: () => expect(readFileSync(processors(), 'utf8').trim()).toBe('0') },
  { what: 'its process moved to another cgroup', object: WEB, field: /^cgroup/, change: () => writeFileSync(join(dirname(dirname(dirname(limit()))), 'cgroup.procs'), String(status().pid)), isRight: () => expect(readFileSync(`/proc/${status().pid}/cgroup`, 'utf8')).toMatch(new RegExp(`:/${machine.paths.cgroup}/${status().id.slice(0, 16)}$`, 'm')) },
  { what: 'its cgroup frozen', object: WEB, field: /^cgroup\.freeze$/, change: () => writeFileSync(frozen(), '1'), isRight: () => expect(readFileSync(frozen(), 'utf8').trim()).toBe('0') },
  { what: 'its folder in the run folder deleted', object: WEB, field: /^bundle$/, restarts: true, change: () => rmSync(bundle(), { recursive: true }), isRight: () => expect(readFileSync(join(bundle(), 'hosts'), 'utf8')).toContain(address()) },
  { what: 'the bridge deleted', object: 'demo_default', field: /bridge/, change: () => sh(`ip link del ${bridge()}`), isRight: () => expect(sh(`ip -o link show master ${bridge()}`)).not.toBe('') },
  { what: 'the bridge set down and given another name', object: 'demo_default', field: /bridge/, change: () => sh(`ip link set ${bridge()} down && ip link set ${bridge()} name dr${PORT}`), isRight: () => expect([sh(`ip -o link show master ${bridge()}`) === '', existsSync(`/sys/class/net/dr${PORT}`)]).toEqual([false, false]) },
  { what: 'the bridge\'s MTU and hardware address changed', object: 'demo_default', field: /bridge\.m/, change: () => sh(`ip link set ${bridge()} mtu 1300 address 02:00:00:00:00:07`), isRight: () => expect(sh(`ip -o link show ${bridge()}`)).toMatch(/mtu 1500 .*link\/ether 02:42:/) },
  { what: 'a setting of the bridge changed', object: 'demo_default', field: /route_localnet/, change: () => writeFileSync(localnet(), '0'), isRight: () => expect(readFileSync(localnet(), 'utf8').trim()).toBe('1') },
  { what: 'the bridge\'s address deleted', object: 'demo_default', field: /address/, change: () => sh(`ip addr flush dev ${bridge()}`), isRight: () => expect(sh(`ip -o -4 addr show ${bridge()}`)).toContain('inet') },
  { what: 'its link taken off the bridge', object: 'demo_default', field: /port/, change: () => sh(`ip link set ${port()} nomaster`), isRight: () => expect(sh(`ip -o link show master ${bridge()}`)).not.toBe('') },
  { what: 'its link set down outside, and its MTU changed', object: 'demo_default', field: /port/, change: () => sh(`ip link set ${port()} down mtu 1300`), isRight: () => expect(sh(`ip -o link show master ${bridge()}`)).toMatch(/[<,]UP[,>].*mtu 1500/) },
  { what: 'an element of its port deleted', object: WEB, field: /rules/, change: () => sh(`nft flush map inet ${machine.paths.table} pub_ip`), isRight: () => expect(sh(`nft list map inet ${machine.paths.table} pub_ip`)).toContain(PORT) },
  { what: 'a chain flushed', object: 'demo_default', field: /rules/, change: () => sh(`nft flush chain inet ${machine.paths.table} forward`), isRight: () => expect(sh(`nft list chain inet ${machine.paths.table} forward`)).toContain('drop') },
  { what: 'a rule added', object: 'demo_default', field: /rules/, change: () => sh(`nft insert rule inet ${machine.paths.table} publish tcp dport ${PORT} return`), isRight: () => expect(sh(`nft list chain inet ${machine.paths.table} publish`)).not.toContain(PORT) },
  { what: 'the table deleted', object: 'demo_default', field: /rules/, change: () => sh(`nft delete table inet ${machine.paths.table}`), isRight: () => expect(sh(`nft list table inet ${machine.paths.table}`)).toContain(PORT) },
  { what: 'a tmpfs unmounted inside', object: WEB, field: /mounts\[\/scratch\]/, restarts: true, change: () => sh(`nsenter -t ${status().pid} -m umount /scratch`), isRight: () => expect(readFileSync(`/proc/${status().pid}/mountinfo`, 'utf8')).toContain(' /scratch ') },
  { what: 'a volume unmounted inside', object: WEB, field: /mounts\[\/www\]/, restarts: true, change: () => sh(`nsenter -t ${status().pid} -m umount -l /www`), isRight: () => expect(readFileSync(`/proc/${status().pid}/mountinfo`, 'utf8')).toContain(' /www ') },
  { what: 'a tmpfs mounted over a volume inside', object: WEB, field: /mounts\[\/www\]/, restarts: true, change: () => sh(`nsenter -t ${status().pid} -m -p mount -t tmpfs none /www`), isRight: () => expect(readFileSync(`/proc/${status().pid}/mountinfo`, 'utf8').match(/ \/www /g)).toHaveLength(1) },
  { what: 'a volume made read-only inside', object: WEB, field: /mounts\[\/www\]/, restarts: true, change: () => sh(`nsenter -t ${status().pid} -m -p mount -o remount,bind,ro /www`), isRight: () => expect(readFileSync(`/proc/${status().pid}/mountinfo`, 'utf8')).toMatch(/ \/www rw/) },
  { what: 'the file with its hosts unmounted inside', object: WEB, field: /mounts\[\/etc\/hosts\]/, restarts: true, change: () => sh(`nsenter -t ${status().pid} -m umount -l /etc/hosts`), isRight: () => expect(readFileSync(`/proc/${status().pid}/mountinfo`, 'utf8')).toContain(' /etc/hosts ') },
  { what: 'its record deleted', object: WEB, field: /record/, change: () => rmSync(join(machine.paths.containers, status().id, 'container.json')), isRight: () => expect(existsSync(join(machine.paths.containers, status().id, 'container.json'))).toBe(true) },
  { what: 'the file with the network\'s names deleted', object: 'demo_default', field: /names/, change: () => rmSync(zone()), isRight: () => expect(readFileSync(zone(), 'utf8')).toContain(`\n${WEB} ${address()}\n`) },
  { what: 'the file with the network\'s names changed', object: 'demo_default', field: /names/, change: () => writeFileSync(zone(), readFileSync(zone(), 'utf8').replaceAll(address(), '192.0.2.1')), isRight: () => expect(readFileSync(zone(), 'utf8')).toContain(`\n${WEB} ${address()}\n`) },
  { what: 'another file put in its place', object: 'demo_default', field: /names/, change: () => { writeFileSync(`${machine.folder}/zone`, 'version 1\n'); sh(`mv ${machine.folder}/zone ${zone()}`); }, isRight: () => expect(readFileSync(zone(), 'utf8')).toContain(`\n${WEB} ${address()}\n`) },
  { what: 'the network\'s record deleted', object: 'demo_default', field: /record/, change: () => rmSync(join(machine.paths.networks, 'demo_default.json')), isRight: () => expect(existsSync(join(machine.paths.networks, 'demo_default.json'))).toBe(true) },
];

describe('drift is healed', () => {
  it('of each kind, in place where that can be, and events tell what and why', async () => {
    await upWatched();
    for (const { what, object, field, change, isRight, restarts } of KINDS) {
      const before = status().pid;
      events.length = 0;
      const begin = Date.now();
      change();
      await eventually(() => expect([what, told('heal', object).length]).toEqual([what, 1]), BOUND_MS);
      if (process.env['DRIFT_TIMES'] !== undefined) process.stderr.write(`${what}: ${Date.now() - begin} ms\n`);
      isRight();
      expect([what, told('drift', object)[0]?.attributes['field']]).toEqual([what, expect.stringMatching(field)]);
      expect([what, status().pid === before]).toEqual([what, restarts === undefined]);
      await eventually(() => expect([what, served()]).toEqual([what, '404']), BOUND_MS);
      expect([what, await machine.engine.stackDrift('demo')]).toEqual([what, []]);
    }
  });
});

it('a choice of processors that is made by hand is taken away where the file has none any more', async () => {
  await upWatched();
  expect(await machine.up(file().replace('cpuset: "0"', ''))).toMatchObject({ ok: true, done: [`update-container ${WEB}`] });
  const [all, narrower] = [readFileSync(processors(), 'utf8'), '0\n'];
  expect(await machine.engine.stackDrift('demo')).toEqual([]);
  events.length = 0;
  writeFileSync(processors(), narrower);
  if (all === narrower) return; // a machine of one processor
  await eventually(() => expect(told('heal', WEB).length).toBe(1), BOUND_MS);
  expect([readFileSync(processors(), 'utf8'), told('drift', WEB)[0]?.attributes['field']]).toEqual([all, 'cpuset.cpus']);
  expect(await machine.engine.stackDrift('demo')).toEqual([]);
});

/** Whole of a container: its process and its shim, at once. */
function killShim(): void {
  const { shimPid, pid } = JSON.parse(readFileSync(join(machine.paths.bundles, status().id.slice(0, 16), 'pid'), 'utf8')) as { shimPid: number; pid: number };
  sh(`kill -9 ${shimPid} ${pid}`);
}

describe('a container whose shim is killed', () => {
  it('is started again, whatever its restart policy, and its ports lead to it', async () => {
    await upWatched();
    const before = status().pid;
    killShim();
    await eventually(() => expect(told('heal', WEB).map(({ attributes }) => attributes['cause'])).toEqual(['process']), BOUND_MS);
    expect(status().pid).not.toBe(before);
    await eventually(() => expect(served()).toBe('404'), BOUND_MS);
  });

  it('that is held stays as it is, and is shown as held', async () => {
    await upWatched();
    await machine.engine.stopContainer(WEB, 'SIGKILL', 0);
    sh(`ip link del ${bridge()}`);
    await eventually(() => expect(told('heal', 'demo_default')).toHaveLength(1), BOUND_MS);
    expect(status()).toMatchObject({ phase: 'exited', held: true });
    expect(await machine.engine.stackDrift('demo')).toEqual([{ version: 1, object: 'container', name: WEB, drift: [], fate: 'held', state: 'held' }]);
    await machine.engine.startContainer(WEB);
    expect(await machine.engine.stackDrift('demo')).toEqual([]);
  });

  it('by its own end follows its restart policy alone', async () => {
    await upWatched();
    sh(`kill -9 ${status().pid}`);
    await eventually(() => expect(status().phase).toBe('exited'), BOUND_MS);
    expect(await machine.engine.stackDrift('demo')).toEqual([]);
    expect(told('drift', WEB)).toEqual([]);
  });
});

describe('drift is only told', () => {
  it('where the file says so: each field with what was expected and found, and nothing is changed', async () => {
    await upWatched(file('{ drift: report }'));
    const { pid } = status();
    writeFileSync(limit(), String(32 << 20));
    sh(`ip addr flush dev ${bridge()}`);
    sh(`nft flush chain inet ${machine.paths.table} forward`);
    inside('ip link set eth0 down');
    await eventually(async () => expect((await machine.engine.stackDrift('demo')).flatMap(({ drift }) => drift.map(({ field }) => field))).toEqual(expect.arrayContaining(['bridge.address', expect.stringMatching(/^memory/), 'networks[demo_default].link', 'rules[chain forward]'])), BOUND_MS);
    const found = await machine.engine.stackDrift('demo');
    expect(new Set(found.map(({ fate }) => fate))).toEqual(new Set(['report']));
    expect(found.flatMap(({ drift }) => drift).find(({ kind }) => kind === 'limit')).toMatchObject({ expected: String(64 << 20), found: String(32 << 20) });
    await eventually(async () => expect((await machine.engine.stackDrift('demo')).flatMap(({ drift }) => drift).find(({ kind }) => kind === 'rules')?.by).toMatch(/^by nft, pid \d+$/), BOUND_MS);
    await eventually(() => expect(told('drift', 'demo_default').map(({ attributes }) => attributes['field'])).toContain('bridge.address'), BOUND_MS);
    await new Promise((resolve) => setTimeout(resolve, 1500)); // in which it would have been healed
    expect([readFileSync(limit(), 'utf8').trim(), sh(`ip -o -4 addr show ${bridge()}`), status().pid]).toEqual([String(32 << 20), '', pid]);
    expect(sh(`nft list chain inet ${machine.paths.table} forward`)).not.toContain('drop');
    expect(events.filter(({ action }) => action.startsWith('heal'))).toEqual([]);
    // A person who asks for it gets it all right.
    expect(await machine.up(file('{ drift: report }'))).toMatchObject({ ok: true });
    expect(await machine.engine.stackDrift('demo')).toEqual([]);
    expect([readFileSync(limit(), 'utf8').trim(), status().pid]).toEqual([String(64 << 20), pid]);
    expect(served()).toBe('404');
  });

  it('but the rules of what is of no stack are put back beside it', async () => {
    await upWatched(file('{ drift: report }'));
    await machine.engine.networks.create('lone', '', { driver: 'bridge', internal: false, external: false, attachable: false, ipv6: false, ipam: [], labels: {}, options: {} });
    const chain = (): string => sh(`nft list chain inet ${machine.paths.table} forward`);
    const before = chain();
    sh(`nft flush chain inet ${machine.paths.table} forward`);
    await eventually(() => expect(chain()).toBe(before), BOUND_MS);
    await machine.engine.networks.remove('lone');
  });

  it('where it is data: a volume that is taken away is made anew by nobody', async () => {
    await upWatched();
    const folder = join(machine.paths.volumes, 'demo_data');
    renameSync(folder, `${folder}.away`);
    await eventually(() => expect(told('drift', 'demo_data').map(({ attributes }) => attributes['policy'])).toContain('report'), BOUND_MS);
    expect((await machine.engine.stackDrift('demo')).map(({ name, fate }) => [name, fate])).toEqual([['demo_data', 'report']]);
    expect(existsSync(folder)).toBe(false);
    const { pid } = status();
    const renewed = file('', 'environment: { A: b }');
    expect(await machine.up(renewed)).toMatchObject({ ok: false, message: `volume demo_data: its folder ${folder}/_data is gone, and ${WEB} needs it: put it back from a backup, or run "down" and "volume rm demo_data" to begin with an empty one` });
    expect([status().pid, existsSync(folder)]).toEqual([pid, false]); // nothing was taken away for it
    renameSync(`${folder}.away`, folder);
    expect(await machine.engine.stackDrift('demo')).toEqual([]);
  });

  it('or a volume that somebody has unmounted under its containers, which have it still', async () => {
    await upWatched(file().replace('volumes: { data: }', 'volumes: { data: { driver_opts: { type: tmpfs, device: tmpfs } } }'));
    const place = join(machine.paths.volumes, 'demo_data', '_data');
    sh(`umount ${place}`);
    await eventually(() => expect(told('drift', 'demo_data').map(({ attributes }) => [attributes['field'], attributes['policy']])).toEqual([['mount', 'report']]), BOUND_MS);
    expect(readFileSync(`/proc/${status().pid}/mountinfo`, 'utf8')).toContain(' /www ');
    sh(`mount -t tmpfs tmpfs ${place}`);
    expect(await machine.engine.stackDrift('demo')).toEqual([]);
  });
});

it('is found that came while the kernel was not heard', async () => {
  await machine.close();
  const added = vi.spyOn(KernelWatch.prototype, 'add');
  await machine.open();
  const watch: unknown = added.mock.contexts[0];
  if (!(watch instanceof KernelWatch)) throw new Error('nothing is watched');
  await upWatched(file().replace(/ports: .*/, '')); // any change of rules would have it looked at
  await eventually(() => expect(added.mock.calls.map(([{ kind }]) => kind)).toContain('files'), BOUND_MS);
  added.mockRestore();
  await new Promise((resolve) => setTimeout(resolve, 700)); // a look that is due yet would find it too
  vi.spyOn(machine.reports, 'push').mockImplementation((line) => {
    cancel();
    writeFileSync(limit(), String(32 << 20)); // nobody is told
    return lines.push(line);
  });
  const lines: string[] = [];
  const cancel = watch.add({ kind: 'entries', of: 'x'.repeat(5000) }, () => undefined, () => undefined); // more than the thread takes
  await eventually(() => expect(lines).toEqual(["the kernel's events have ended (a line: Message too long): drift is not noticed until they are heard again"]), BOUND_MS);
  await eventually(() => expect(readFileSync(limit(), 'utf8').trim()).toBe(String(64 << 20)), BOUND_MS);
});

it('one that a heal has stopped and cannot start is started as soon as that can be, by the next engine too', async () => {
  const source = join(machine.folder, 'source');
  mkdirSync(source);
  const text = file('', 'restart: always').replace('volumes: ["data:/www"]', `volumes: [{ type: bind, source: ${source}, target: /www, bind: { create_host_path: false } }]`);
  await upWatched(text);
  renameSync(source, `${source}.away`);
  sh(`nsenter -t ${status().pid} -m umount /scratch`);
  await eventually(() => expect(told('heal-failed', WEB)).not.toHaveLength(0), BOUND_MS);
  await eventually(() => expect(status()).toMatchObject({ phase: 'exited', held: false }), BOUND_MS); // that it is down is news: it is tried once more at once
  expect(told('heal', WEB)).toEqual([]);
  await eventually(async () => expect((await machine.engine.stackDrift('demo')).map(({ name, state }) => [name, state])).toEqual([[WEB, 'failed']]), BOUND_MS); // not while it is being tried
  renameSync(`${source}.away`, source);
  await eventually(() => expect(status().phase).toBe('running'), 3 * BOUND_MS);
  await eventually(() => expect(served()).toBe('404'), BOUND_MS);
  expect(await machine.engine.stackDrift('demo')).toEqual([]);

  renameSync(source, `${source}.away`);
  sh(`nsenter -t ${status().pid} -m umount /scratch`);
  await eventually(() => expect(status().phase).toBe('exited'), 3 * BOUND_MS);
  await machine.close();
  renameSync(`${source}.away`, source);
  await machine.open();
  await eventually(() => expect(status()).toMatchObject({ phase: 'running', held: false }), 3 * BOUND_MS);
});

it('restarts an unhealthy container where the file asks for it, and gives up where that is in vain', async () => {
  const check = 'healthcheck: { test: test ! -e /www/ill, interval: 100ms, retries: 1, start_period: 0s }';
  const text = file('', `${check}\n    x-bayplan: { unhealthy: restart }`).replace('volumes: ["data:/www"]', 'tmpfs: [/www]').replace('    tmpfs: [/scratch]\n', '');
  await upWatched(text);
  const before = status().pid;
  await machine.exec(WEB, 'touch', '/www/ill');
  await eventually(() => expect(told('heal', WEB)).toHaveLength(1), 3 * BOUND_MS); // once it has been looked at
  expect(status()).toMatchObject({ health: 'healthy' });
  expect(status().pid).not.toBe(before);
  await machine.down({ stopTimeoutSeconds: 0 });

  const hopeless = text.replace('test ! -e /www/ill', 'exit 1');
  await machine.up(hopeless);
  await eventually(() => expect(told('heal-gave-up', WEB)).toHaveLength(1), 20_000);
  const { pid } = status();
  expect((await machine.engine.stackDrift('demo')).map(({ state }) => state)).toEqual(['given-up']);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect(status()).toMatchObject({ pid, health: 'unhealthy' });
});

describe('what somebody changes again and again', () => {
  /** Until the test has what it waits for. */
  async function meanwhile(script: string, wait: () => Promise<void>): Promise<void> {
    const hand = spawn('sh', ['-c', script], { stdio: 'ignore' });
    try {
      await wait();
    } finally {
      hand.kill('SIGKILL');
    }
  }
  const lines = (word: string): readonly string[] => machine.reports.filter((line) => line.includes(word));

  it('without a pause, to another value each time, is given up, with a line and an event; a person who asks is told too, and gets it right afterwards', async () => {
    await upWatched();
    await meanwhile(`x=0; while :; do x=$((x % 8000 + 1)); echo $((33554432 + x * 4096)) > ${limit()}; done`, async () => {
      await eventually(() => expect(told('heal-gave-up', WEB)).toHaveLength(1), 3 * BOUND_MS);
      expect(machine.engine.container(WEB).status?.phase).toBe('running');
      await machine.close();
      await machine.open();
      const later: EngineEvent[] = [];
      machine.engine.events.onEvent((event) => later.push(event));
      await eventually(async () => expect((await machine.engine.stackDrift('demo')).map(({ state }) => state)).toEqual(['given-up'])); // by the next engine too, which tries nothing
      expect(later.filter(({ action }) => action.startsWith('heal'))).toEqual([]);
      expect(lines('without effect')).toEqual([`stack demo: container ${WEB}: memory.limit_in_bytes: it was put right twice in a row, without effect: see to it, then bring the stack up`]);
      await eventually(async () => expect(await machine.up(file())).toMatchObject({ ok: false, message: expect.stringMatching(/^"repair-container demo-web-1" was carried out \(drift: memory.*\) and had no effect/) })); // whoever writes it may not have had a processor meanwhile
    });
    expect(await machine.up(file())).toMatchObject({ ok: true });
    expect(readFileSync(limit(), 'utf8').trim()).toBe(String(64 << 20));
  });

  it('after each heal is put right less and less often, with a line and an event for that: rules, a link', async () => {
    await upWatched();
    const hands: Readonly<Record<string, () => void>> = { demo_default: () => sh(`nft flush chain inet ${machine.paths.table} forward`), [WEB]: () => inside('ip link del eth0') };
    const off = machine.engine.events.onEvent(({ action, attributes }) => { if (action === 'heal') hands[attributes['name'] ?? '']?.(); });
    for (const hand of Object.values(hands)) hand();
    await eventually(() => expect([told('heal-slowed', 'demo_default').length, told('heal-slowed', WEB).length]).toEqual([1, 1]), 4 * BOUND_MS);
    off();
    expect([lines('network demo_default: rules[chain forward]').length, lines(`container ${WEB}: networks[demo_default].link`).length]).toEqual([1, 1]);
    expect(lines('rules[chain forward]')[0]).toMatch(/it was put right 3 times and is changed again and again, by nft, pid \d+: it is put right less and less often from now on$/);
    expect(await machine.up(file())).toMatchObject({ ok: true });
    expect(await machine.engine.stackDrift('demo')).toEqual([]);
  });

  it('that cannot be put right is told once, with an event for each attempt', async () => {
    await upWatched();
    const [path, other] = [limit(), join(machine.folder, 'limit')];
    writeFileSync(other, String(32 << 20));
    sh(`mount --bind ${other} ${path} && mount -o remount,bind,ro ${path}`);
    try {
      expect((await machine.engine.stackDrift('demo')).map(({ state }) => state)).toEqual(['due']);
      await eventually(() => expect(told('heal-failed', WEB).length).toBeGreaterThan(1), 2 * BOUND_MS);
      expect(await machine.engine.stackDrift('demo')).toMatchObject([{ state: 'failed', error: expect.stringContaining('Read-only file system') }]);
      expect(lines('could not be put right')).toEqual([expect.stringMatching(/^stack demo: container demo-web-1: memory\S+: it could not be put right: repair-container demo-web-1: .*Read-only file system/)]);
    } finally {
      sh(`umount ${path}`);
    }
    await eventually(async () => expect(await machine.engine.stackDrift('demo')).toEqual([]), 3 * BOUND_MS);
  });
});

it('one that cannot be looked at costs itself alone: the others are told of and healed, up goes on, and it is told once', async () => {
  const service = (more: string): string => `{ image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, mem_limit: 64m, network_mode: none${more} }`;
  const text = `services:\n  blind: ${service('')}\n  told: ${service(', x-bayplan: { drift: report }')}\n  web: ${service('')}\n`;
  const limitOf = (name: string): string => {
    const id = machine.engine.container(name).status?.id.slice(0, 16) ?? '';
    return ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'].map((top) => join(top, machine.paths.cgroup, id)).flatMap((folder) => ['memory.limit_in_bytes', 'memory.max'].map((file) => join(folder, file))).find((path) => existsSync(path)) ?? '';
  };
  await upWatched(text);
  const blind = limitOf('demo-blind-1');
  const lines = (): readonly string[] => machine.reports.filter((line) => line.includes('demo-blind-1'));
  sh(`mount -t tmpfs none ${dirname(blind)} && mkdir ${blind}`); // where a limit is read is a folder
  try {
    for (const name of ['demo-told-1', WEB]) writeFileSync(limitOf(name), String(32 << 20));
    await expect(machine.engine.stackDrift('demo')).rejects.toThrow(/^container demo-blind-1 could not be looked at, and may have drifted: EISDIR/);
    await eventually(() => expect([readFileSync(limitOf(WEB), 'utf8').trim(), told('drift', 'demo-told-1').length, told('heal', WEB).length]).toEqual([String(64 << 20), 1, 1]), BOUND_MS);
    expect(await machine.up(text)).toMatchObject({ ok: true });
    expect(await machine.up(`${text}  more: ${service('')}\n`)).toMatchObject({ ok: true, done: expect.arrayContaining(['start-container demo-more-1']) });
    await expect(machine.engine.stackDrift('demo')).rejects.toThrow('demo-blind-1');
    expect(lines()).toHaveLength(1);
  } finally {
    sh(`umount ${dirname(blind)}`);
  }
  expect((await machine.engine.stackDrift('demo')).map(({ name }) => name)).not.toContain('demo-blind-1');
});
