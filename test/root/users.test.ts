import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArchiveRequest } from '../../src/runtime/container/archive.ts';
import { pinned } from './pinned.ts';
import { eventually, Machine } from './harness.ts';

// An engine that gives each container users of its own (userns-remap): whom they are outside, and that all that a container has works with them.
const START = 700_000_000;
const SIZE = 65_536;
let machine: Machine;
beforeAll(async () => {
  machine = new Machine();
  mkdirSync(machine.root, { recursive: true });
  writeFileSync(machine.paths.config, JSON.stringify({ version: 1, 'userns-remap': { start: START, count: 100 * SIZE } }));
  await machine.open();
  await machine.loadHello();
});
afterAll(() => machine.dispose());

const SLEEP = 'command: [sleep, "1000"]';
const service = (keys: string): string => `{image: bayplan/hello, stop_signal: SIGKILL, ${keys.includes('command:') ? '' : `${SLEEP}, `}${keys}}`;
const up = async (services: Readonly<Record<string, string>>, more = '', wait = false): Promise<string> => {
  const { ok, message } = await machine.up(`services: {${Object.entries(services).map(([name, keys]) => `${name}: ${service(keys)}`).join(', ')}}\n${more}`, { removeOrphans: true, wait });
  return ok ? '' : message;
};
const inside = async (script: string, name = 'a'): Promise<string> => (await machine.exec(`demo-${name}-1`, 'sh', '-c', script)).output.trim();
const pid = (name = 'a'): number => machine.engine.container(`demo-${name}-1`).status?.pid ?? 0;
const namespace = (kind: string, name?: string): string => readlinkSync(`/proc/${name === undefined ? 'self' : pid(name)}/ns/${kind}`);
const map = (name = 'a'): string => readFileSync(`/proc/${pid(name)}/uid_map`, 'utf8').trim().replace(/\s+/g, ' ');
/** Whom the container's root is on the host. */
const root = (name = 'a'): number => Number(map(name).split(' ')[1]);
const uidOf = (process: number): number => Number(/^Uid:\s*(\d+)/m.exec(readFileSync(`/proc/${process}/status`, 'utf8'))?.[1]);
const files = (name = 'a'): string => join(machine.paths.containers, machine.engine.container(`demo-${name}-1`).status?.id ?? '');

describe('a container with users of its own', () => {
  beforeAll(async () => { expect(await up({ a: 'init: true' })).toBe(''); });

  it('runs as high ids, in a range of its own', () => {
    expect(map()).toBe(`0 ${root()} ${SIZE}`);
    expect(root() >= START && (root() - START) % SIZE === 0).toBe(true);
    expect(uidOf(pid())).toBe(root());
    expect(readFileSync(`/proc/${pid()}/gid_map`, 'utf8')).toBe(readFileSync(`/proc/${pid()}/uid_map`, 'utf8'));
    expect(namespace('user', 'a')).not.toBe(namespace('user'));
    expect(statSync(join(files(), 'upper')).uid).toBe(root());
  });

  it('sees itself as root, and its image\'s files and what it writes as root\'s', async () => {
    expect(await inside('id -u; stat -c %u:%g / /bin/busybox /etc/hosts /etc/resolv.conf /etc/hostname /proc/1 /dev /dev/pts/ptmx | sort -u')).toBe('0\n0:0');
    expect(await inside('touch /new /bin/new && mkdir -p /etc/deep/er && echo x >> /etc/hosts && rm /bin/wc && stat -c %u /new /bin/new /etc/deep/er | sort -u')).toBe('0');
    expect(statSync(join(files(), 'upper/new')).uid).toBe(root());
  });

  it('mounts what belongs to it, and what is the host\'s is closed to it', async () => {
    expect((await inside('cut -d" " -f2,3 /proc/mounts | grep -E "^/(proc|sys|dev/pts|dev/mqueue|dev/shm) "')).split('\n').sort()).toEqual(['/dev/mqueue mqueue', '/dev/pts devpts', '/dev/shm tmpfs', '/proc proc', '/sys sysfs']);
    expect(await inside('stat -c %u:%g /sys/class/net/lo/mtu /sys/class/net/eth0/mtu /proc/sys/net/ipv4/ip_forward | sort -u')).toBe('0:0');
    expect(await inside('ls /sys/class/net; ls /sys/fs/cgroup | grep -c .')).toMatch(/^eth0\nlo\n[1-9]/);
    expect(await inside('echo 1 > /proc/sys/kernel/panic; mknod /x b 7 0; mount -o remount,rw /sys')).toMatch(/panic.*\n.*mknod: .*Operation not permitted\n.*/);
  });

  it('serves a terminal to exec', async () => {
    const session = await machine.engine.containers.exec('demo-a-1', { command: ['sh', '-c', 'tty; stat -c %u $(tty)'], environment: [], user: '', workingDir: '', tty: true });
    let output = '';
    session.stdout.on('data', (data: Buffer) => { output += data.toString(); });
    expect(await session.exit).toBe(0);
    expect(output.replaceAll('\r', '')).toBe('/dev/pts/0\n0\n');
  });

  it('keeps its range over restarts, of itself and of the engine', async () => {
    const before = map();
    await machine.engine.stopContainer('demo-a-1', null, 0);
    expect([...pinned(machine.paths.userns).keys()]).toEqual([]);
    await machine.engine.startContainer('demo-a-1');
    expect(map()).toBe(before);
    await machine.close();
    await machine.open();
    expect(pinned(machine.paths.userns).size).toBe(1);
    expect(await inside('stat -c %u /new')).toBe('0');
    expect(namespace('user', 'a')).toBe(`user:[${[...pinned(machine.paths.userns).values()][0]}]`);
  });
});

it('has rights over its network, where it has the capability', async () => {
  expect(await up({ a: 'cap_add: [NET_ADMIN], sysctls: {net.core.somaxconn: "77", net.ipv4.ip_unprivileged_port_start: "0", kernel.shm_rmid_forced: "1", kernel.domainname: there}' })).toBe('');
  expect(await inside('ip addr add 10.77.0.1/32 dev lo && ip -o addr show lo | grep -c 10.77; cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shm_rmid_forced /proc/sys/kernel/domainname')).toBe('1\n77\n1\nthere');
  expect(readFileSync('/proc/sys/net/core/somaxconn', 'utf8').trim()).not.toBe('77');
});

it('binds low ports, answers to its name, and is published', async () => {
  expect(await up({ a: 'user: "1000", command: [httpd, -f, -p, "80", -h, /etc], ports: ["127.0.0.1:18473:80"]', b: '' })).toBe('');
  const fetched = (): Promise<string> => inside('wget -q -O - http://a/hostname', 'b');
  await eventually(async () => expect(await fetched()).toMatch(/^[0-9a-f]{12}$/));
  expect(await (await fetch('http://127.0.0.1:18473/hostname')).text()).toBe(`${await fetched()}\n`);
  expect(uidOf(pid())).toBe(root() + 1000);
  expect(root('b')).not.toBe(root());
});

it('reaches what it writes to by name, as another user too', async () => {
  expect(await up({ a: 'user: "1000", stdin_open: true, command: [sh, -c, "echo said > /dev/stdout; echo so > /dev/stderr; exec sleep 1000"]' })).toBe('');
  await eventually(async () => expect((await machine.output('demo-a-1')).split('\n').sort()).toEqual(['', 'said', 'so']));
});

it('is written to by name by what is executed in it too, as each user', async () => {
  expect(await up({ a: 'user: "1000", command: sleep 1000' })).toBe('');
  for (const user of ['', '0', '1000', '33:44']) {
    const session = await machine.engine.containers.exec('demo-a-1', { command: ['sh', '-c', 'cat /dev/stdin; id -u > /dev/stdout; echo so > /dev/stderr'], environment: [], user, workingDir: '', tty: false });
    session.stdin.end('in\n');
    const said: string[] = [];
    for (const stream of [session.stdout, session.stderr]) stream.on('data', (data: Buffer) => { said.push(data.toString()); });
    expect(await session.exit).toBe(0);
    expect(said.join('').split('\n').sort()).toEqual(['', user.split(':')[0] || '1000', 'in', 'so']);
  }
});

describe('volumes', () => {
  it('hold the ids that the container sees, whoever it is outside', async () => {
    const bind = join(machine.folder, 'bind');
    mkdirSync(join(bind, 'sub'), { recursive: true });
    writeFileSync(join(bind, 'joes'), 'x');
    chownSync(join(bind, 'joes'), 1000, 1001);
    expect(await up({ a: `volumes: ["data:/data", "${bind}:/bind", "data:/bin2:ro", {type: volume, source: data, target: /part, volume: {subpath: kept}}, "filled:/etc"]`, b: 'volumes: ["data:/data"]' }, 'volumes: {data: , filled: }')).toContain('subpath kept does not exist');
    expect(await up({ a: `volumes: ["data:/data", "${bind}:/bind", "filled:/etc"]`, b: 'volumes: ["data:/data"]' }, 'volumes: {data: , filled: }')).toBe('');
    expect(await inside('touch /data/new /bind/new && chown 5:6 /data/new && mkdir /data/kept && stat -c %u:%g /data /bind /bind/joes /etc/passwd /data/new')).toBe('0:0\n0:0\n1000:1001\n0:0\n5:6');
    expect(statSync(join(bind, 'new'))).toMatchObject({ uid: 0, gid: 0 });
    expect(statSync(join(machine.engine.volumes.mountpoint('demo_data'), 'new'))).toMatchObject({ uid: 5, gid: 6 });
    expect(statSync(join(machine.engine.volumes.mountpoint('demo_filled'), 'passwd'))).toMatchObject({ uid: 0, gid: 0 });
    expect(await inside('stat -c %u:%g /data/new; chown 7 /data/new && echo changed', 'b')).toBe('5:6\nchanged');
    expect(root('b')).not.toBe(root());
    expect(await up({ a: 'volumes: [{type: volume, source: data, target: /part, volume: {subpath: kept}}], read_only: true' }, 'volumes: {data: }')).toBe('');
    expect(await inside('touch /part/x && stat -c %u /part/x; touch /y')).toContain('0\ntouch: /y: Read-only file system');
    expect(statSync(join(machine.engine.volumes.mountpoint('demo_data'), 'kept/x')).uid).toBe(0);
  });

  it('where the file system has no such view, end the start with one line', async () => {
    expect(await up({ a: 'volumes: ["/proc/sys:/there:ro", "/dev/null:/empty"]' })).toBe(''); // nobody's files
    expect(await inside('cat /there/kernel/ostype')).toBe('Linux');
    const ramfs = join(machine.folder, 'ram');
    mkdirSync(ramfs);
    execFileSync('mount', ['-t', 'ramfs', 'bayplan-test', ramfs]);
    try {
      expect(await up({ a: `volumes: ["${ramfs}:/there"]` })).toContain(`${ramfs} cannot be idmapped: its file system, or one mounted below it, has no support for that, or this kernel (for /there); run it with the host's users (userns_mode: host)`);
      expect(await up({ a: `userns_mode: host, volumes: ["${ramfs}:/there"]` })).toBe('');
      expect(await up({ a: '' })).toBe('');
    } finally {
      execFileSync('umount', [ramfs]);
    }
  });

  it('of images and in memory have the container\'s users', async () => {
    expect(await up({ a: 'volumes: [{type: image, source: bayplan/hello, target: /image}], tmpfs: ["/memory:uid=1000,mode=700"], shm_size: 8m' })).toBe('');
    expect(await inside('stat -c %u:%g /image /image/bin/busybox | sort -u; stat -c %u /memory; df -k /dev/shm | tail -1 | tr -s " " | cut -d" " -f2; touch /dev/shm/x && stat -c %u /dev/shm/x')).toBe('0:0\n1000\n8192\n0');
  });
});

it('gets contents, devices and groups as they were asked for', async () => {
  expect(await up({ a: 'configs: [{source: conf, target: /conf, uid: "7", gid: "8", mode: 0400}], devices: ["/dev/zero:/dev/nothing:rw", "/dev/loop0:/dev/disk"], group_add: ["42"], user: "7"' }, 'configs: {conf: {content: said}}')).toBe('');
  expect(await inside('stat -c "%u:%g %a" /conf; cat /conf; id -G')).toBe('7:8 400\nsaid0 42');
  const asRoot = async (script: string): Promise<string> => {
    const session = await machine.engine.containers.exec('demo-a-1', { command: ['sh', '-c', script], environment: [], user: '0', workingDir: '', tty: false });
    let output = '';
    for (const stream of [session.stdout, session.stderr]) stream.on('data', (data: Buffer) => { output += data.toString(); });
    session.stdin.end();
    await session.exit;
    return output.trim();
  };
  expect(await asRoot('stat -c "%u %F %t:%T" /dev/nothing /dev/disk; head -c2 /dev/nothing | wc -c; echo x > /dev/null && echo written')).toBe('0 character special file 1:5\n0 block special file 7:0\n2\nwritten');
});

describe('its files', () => {
  const run = async (request: ArchiveRequest, input?: Buffer): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    const sink = new Writable({ write: (chunk: Buffer, _encoding, done) => { chunks.push(chunk); done(); } });
    await machine.engine.containers.archive('demo-a-1', request, { signal: new AbortController().signal, output: () => sink, ...(input === undefined ? {} : { input: Readable.from([input]) }) });
    return Buffer.concat(chunks);
  };
  const listed = (bytes: Buffer): string => execFileSync('tar', ['tvnf', '-'], { input: bytes, encoding: 'utf8' });
  beforeAll(async () => {
    expect(await up({ a: 'volumes: ["data:/data"]' }, 'volumes: {data: }')).toBe('');
    await inside('mkdir /srv; touch /srv/mine /data/mine; touch /srv/joes; chown 1000:1001 /srv/joes /data/mine; touch /bin/busybox.new');
  });

  it.each(['running', 'stopped'])('have its own users in archives, in and out, where it is %s', async (how) => {
    if (how === 'stopped') await machine.engine.stopContainer('demo-a-1', null, 0);
    expect(listed(await run({ verb: 'get', path: '/srv', name: 'srv' }))).toMatch(/ 0\/0 .*srv\/mine(.|\n)* 1000\/1001 .*srv\/joes|1000\/1001 .*srv\/joes(.|\n)* 0\/0 .*srv\/mine/);
    expect(listed(await run({ verb: 'get', path: '/data/mine', name: 'mine' }))).toContain(' 1000/1001 ');
    expect(listed(await run({ verb: 'export' }))).not.toMatch(/ (7\d{8}|65534)\//);
    const folder = join(machine.folder, `put-${how}`);
    mkdirSync(folder);
    writeFileSync(join(folder, `put-${how}`), 'x');
    await run({ verb: 'put', path: '/srv', keepKinds: true, owner: '' }, execFileSync('tar', ['cf', '-', '--owner=7', '--group=8', `put-${how}`], { cwd: folder }));
    if (how === 'stopped') await machine.engine.startContainer('demo-a-1');
    expect(await inside(`stat -c %u:%g /srv/put-${how}`)).toBe('7:8');
  });

  it('show as changes what it has changed, and no more', async () => {
    const changes = await machine.engine.containers.changes('demo-a-1');
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual(expect.arrayContaining(['added /srv', 'added /srv/mine', 'added /bin/busybox.new', 'changed /bin']));
    expect(changes.map(({ path }) => path).filter((path) => !/^\/(srv|bin|data|etc$|root)/.test(path))).toEqual([]);
  });
});

it('passes its health check, and what waits for that starts', async () => {
  expect(await up({ a: 'healthcheck: {test: [CMD-SHELL, "test $$(id -u) = 0"], interval: 100ms}', b: 'depends_on: {a: {condition: service_healthy}}' }, '', true)).toBe('');
  expect(machine.engine.container('demo-a-1').status?.health).toBe('healthy');
});

describe('namespaces of others', () => {
  it('go with their users: who shares a service\'s network shares those too', async () => {
    expect(await up({ a: 'ipc: shareable', b: 'network_mode: "service:a", ipc: "service:a", volumes: ["data:/data"]' }, 'volumes: {data: }')).toBe('');
    for (const kind of ['user', 'net', 'ipc']) expect(namespace(kind, 'b'), kind).toBe(namespace(kind, 'a'));
    expect(await inside('touch /mine /data/x /dev/shm/x && stat -c %u /mine /data/x /etc/hosts | sort -u', 'b')).toBe('0');
    expect(await inside('cat /dev/shm/x && echo there')).toBe('there');
    // Its donor is made anew, and it follows; what it had written is still its own.
    const before = pid('a');
    expect(await up({ a: 'ipc: shareable, init: true', b: 'network_mode: "service:a", ipc: "service:a", volumes: ["data:/data"]' }, 'volumes: {data: }')).toBe('');
    expect(pid('a')).not.toBe(before);
    for (const kind of ['user', 'net', 'ipc']) expect(namespace(kind, 'b'), kind).toBe(namespace(kind, 'a'));
    expect(await inside('stat -c %u /mine', 'b')).toBe('0');
  });

  it('outlive their owner\'s restart, as the network does', async () => {
    expect(await up({ a: '', b: 'network_mode: "service:a"' })).toBe('');
    const [user, net, other] = [namespace('user', 'b'), namespace('net', 'b'), pid('b')];
    await machine.engine.stopContainer('demo-a-1', null, 0);
    await machine.engine.startContainer('demo-a-1');
    expect([namespace('user', 'a'), namespace('net', 'a'), pid('b')]).toEqual([user, net, other]);
  });

  it('are refused where they belong to other users, in one line that says why', async () => {
    expect(await up({ a: '', b: 'network_mode: "service:a", userns_mode: host' })).toContain('container demo-b-1: it shares a namespace of demo-a-1, which belongs to users of its own, and would have no rights over it: give both the same users (userns_mode: "container:demo-a-1", or "host" for both)');
    expect(await up({ a: 'network_mode: host' })).toContain('container demo-a-1: network_mode "host" cannot be had by users of its own, which this engine gives every container (userns-remap): give it userns_mode "host"');
    expect(await up({ a: 'privileged: true' })).toContain('container demo-a-1: privileged cannot be had by users of its own');
    expect(() => machine.request(`services: {a: ${service('')}, b: ${service('pid: "service:a", userns_mode: auto')}}`)).toThrow(/compose\.yaml:1:\d+: services\.b: userns_mode auto: it shares pid of a, which belongs to that one's users: share those too by userns_mode, or leave that out/);
  });
});

it('shows in what the engine says of itself and of its containers', async () => {
  expect(await up({ a: '', b: 'userns_mode: host' })).toBe('');
  expect(machine.engine.remapsUsers).toBe(true);
  expect(machine.engine.container('demo-b-1').spec.namespaces.user).toBe('host');
});

it('is the host\'s where its service says so', async () => {
  expect(await up({ a: 'userns_mode: host, network_mode: host, pid: host, privileged: true' })).toBe('');
  expect(namespace('user', 'a')).toBe(namespace('user'));
  expect(uidOf(pid())).toBe(0);
});

it('has as many users as its service asks for, while there are any', async () => {
  expect(await up({ a: 'userns_mode: "auto:size=1000"', b: 'userns_mode: private' })).toBe('');
  expect(map()).toBe(`0 ${root()} 1000`);
  expect(map('b')).toBe(`0 ${root('b')} ${SIZE}`);
  expect(await up({ a: `userns_mode: "auto:size=${101 * SIZE}"` })).toContain(`no ${101 * SIZE} users are left of the ids ${START} to ${START + 100 * SIZE - 1}`);
});

describe('with roots that are whole copies', () => {
  it('sees them through its mappings, and nothing of them is chowned', async () => {
    const other = new Machine();
    mkdirSync(other.root, { recursive: true });
    writeFileSync(other.paths.config, JSON.stringify({ version: 1, 'userns-remap': { start: 800_000_000, count: 10 * SIZE }, 'storage-driver': 'vfs' }));
    try {
      await other.open();
      await other.loadHello();
      expect(await other.up(`services: {a: ${service('')}}`)).toMatchObject({ ok: true });
      expect((await other.exec('demo-a-1', 'sh', '-c', 'touch /new && stat -c %u / /new /bin/busybox /etc/hosts | sort -u')).output).toBe('0\n');
      const status = other.engine.container('demo-a-1').status;
      expect(uidOf(status?.pid ?? 0)).toBeGreaterThanOrEqual(800_000_000);
      expect(statSync(join(other.paths.containers, status?.id ?? '', 'tree/new')).uid).toBe(0);
    } finally {
      await other.dispose();
    }
  });
});
