import { execFileSync, spawn, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundleOf, type BundleInput, type ResolvedMount } from '../../src/runtime/container/bundle.ts';
import { capabilitiesOf } from '../../src/runtime/container/capabilities.ts';
import { deviceNumbers } from '../../src/runtime/container/device-numbers.ts';
import type { OciConfig } from '../../src/runtime/container/oci.ts';
import { execProcess } from '../../src/runtime/container/process.ts';
import { seccompProfile } from '../../src/runtime/container/seccomp.ts';
import type { ContainerSpec } from '../../src/state/container.ts';
import { NO_BLOCK_IO } from '../../src/state/resources.ts';
import { imageOf, specOf } from '../runtime/container/container-spec.ts';
import { resources } from '../spec-values.ts';

// The core alone, without an engine: bundles of one busybox layer, run by `bayplan-core shim`.
/** A build with sanitizers, whose memory says nothing. */
const sanitized = process.env.BAYPLAN_TEST_CORE !== undefined;
const notSanitized = sanitized ? ' (skipped: a sanitized core is larger and slower)' : '';
const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'bayplan-core-'));
const group = basename(folder);
const layer = join(folder, 'layer');
const compiled = join(folder, 'default.bpf');
const PATH = '/bin';

beforeAll(() => {
  for (const name of ['bin', 'etc', 'tmp', 'data', 'escape']) mkdirSync(join(layer, name), { recursive: true });
  copyFileSync('/bin/busybox', join(layer, 'bin/busybox'));
  for (const applet of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')) {
    if (applet !== 'busybox') symlinkSync('busybox', join(layer, 'bin', applet));
  }
  chmodSync(join(layer, 'tmp'), 0o1777);
  writeFileSync(join(layer, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n');
  writeFileSync(join(layer, 'etc/group'), 'root:x:0:\napp:x:1000:\nweb:x:2000:app\naudio:x:3000:\n');
  writeFileSync(join(layer, 'etc/not-a-program'), 'text');
  symlinkSync('/etc', join(layer, 'out'));
  for (const name of ['hosts', 'hostname', 'resolv.conf']) writeFileSync(join(folder, name), `${name}\n`);
  writeFileSync(join(folder, 'profile.json'), JSON.stringify(seccompProfile(capabilitiesOf(specOf()))));
  execFileSync(core, ['seccomp', '--profile', join(folder, 'profile.json'), '--output', compiled]);
});

interface Exit { exitCode: number; signal: number; oomKilled: boolean; startedAt: number; finishedAt: number }
interface Ready { pid: number; startTime: number; shimPid: number; shimStartTime: number; error?: string; exitCode?: number; errno?: number }

let count = 0;
const running: Container[] = [];

class Container {
  readonly name = `c${++count}`;
  readonly bundle = join(folder, this.name);
  readonly exitFile = join(this.bundle, 'exit');
  readonly log = join(this.bundle, 'log');
  readonly cgroup = `/${group}/${this.name}`;
  readonly spec: ContainerSpec;
  ready: Ready = { pid: 0, startTime: 0, shimPid: 0, shimStartTime: 0 };

  constructor(command: readonly string[], change: Partial<ContainerSpec> = {}, input: Partial<BundleInput> = {}, edit: (config: OciConfig) => unknown = (config) => config) {
    this.spec = specOf({ command: [...command], environment: { PATH }, networkMode: 'none', ...change });
    for (const name of ['upper', 'work', 'root']) mkdirSync(join(this.bundle, name), { recursive: true });
    const config = bundleOf({
      id: this.name, name: this.name, stack: '', mountedImages: [], spec: this.spec, image: imageOf(),
      root: { path: join(this.bundle, 'root'), overlay: { cwd: folder, lowerdirs: ['layer'], upperdir: join(this.bundle, 'upper'), workdir: join(this.bundle, 'work') }, mapped: false },
      netns: null, cgroupsPath: this.cgroup, hostname: 'box', files: { hosts: join(folder, 'hosts'), hostname: join(folder, 'hostname'), resolvConf: join(folder, 'resolv.conf') },
      mounts: [], seccompBpf: compiled, deviceNumbers, ...input,
    });
    writeFileSync(join(this.bundle, 'config.json'), JSON.stringify(edit(config)));
  }

  /** Starts the shim and reads its one line. */
  start(...options: string[]): this {
    return this.#start([core], options);
  }

  /** The same where the hierarchies named (below /sys/fs/cgroup) are not mounted. */
  startWithout(hierarchies: readonly string[]): this {
    return this.#start(['unshare', '-m', 'sh', '-c', `umount ${hierarchies.map((name) => `/sys/fs/cgroup/${name}`).join(' ')} && exec "$0" "$@"`, core], []);
  }

  #start([command = '', ...first]: readonly string[], options: readonly string[]): this {
    const file = join(this.bundle, 'ready');
    const fd = openSync(file, 'w');
    running.push(this);
    const result = spawnSync(command, [...first, 'shim', '--bundle', this.bundle, '--exit-file', this.exitFile, '--log', this.log, '--ready-fd', '3', ...options],
      { stdio: ['ignore', 'ignore', 'inherit', fd] });
    closeSync(fd);
    expect(result.status).toBe(0);
    return this;
  }

  async line(): Promise<Ready> {
    const text = await until(() => { const all = readFileSync(join(this.bundle, 'ready'), 'utf8'); return all.endsWith('\n') ? all : null; });
    expect(text.trim().split('\n')).toHaveLength(1);
    this.ready = JSON.parse(text);
    return this.ready;
  }

  async exit(): Promise<Exit> {
    const text = await until(() => (existsSync(this.exitFile) ? readFileSync(this.exitFile, 'utf8') : null));
    return JSON.parse(text);
  }

  /** Runs to the end: exit and output. */
  async run(...options: string[]): Promise<{ exit: Exit; output: string; errors: string }> {
    this.start(...options);
    await this.line();
    if (this.ready.error !== undefined) throw new Error(this.ready.error);
    const exit = await this.exit();
    return { exit, output: logText(this.log, 1), errors: logText(this.log, 2) };
  }

  exec(command: readonly string[], user = '', input = ''): SpawnSyncReturns<string> {
    const file = join(this.bundle, 'exec.json');
    writeFileSync(file, JSON.stringify(execProcess(this.spec, imageOf(), { command, environment: [], user, workingDir: '', tty: false })));
    return spawnSync(core, ['enter', '--pid', String(this.ready.pid), '--start-time', String(this.ready.startTime), '--process', file, '--cgroup', this.cgroup, '--seccomp', compiled],
      { encoding: 'utf8', input });
  }

  /** One request on the shim's socket; its answer and, once the shim ends, EOF. */
  async control(request: object): Promise<{ answer: unknown; closed: Promise<void> }> {
    const socket = connect(join(this.bundle, 'shim.sock'));
    const closed = new Promise<void>((resolve) => { socket.on('close', () => resolve()); });
    const answer = await new Promise<unknown>((resolve, reject) => {
      socket.on('error', reject);
      socket.on('data', (data) => resolve(JSON.parse(data.toString())));
      socket.write(`${JSON.stringify(request)}\n`);
    });
    closers.push(() => socket.destroy());
    return { answer, closed };
  }

  cgroups(): string[] {
    return hierarchies().map((top) => join(top, this.cgroup)).filter((path) => existsSync(path));
  }
}
const closers: (() => void)[] = [];

/** Waits for a condition, at most 20 s. */
async function until<T>(condition: () => T | null): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const value = condition();
    if (value !== null) return value;
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  throw new Error(`not within 20 s: ${condition.toString()}`);
}

function hierarchies(): string[] {
  return readFileSync('/proc/mounts', 'utf8').split('\n').map((line) => line.split(' ')).filter((words) => words[2]?.startsWith('cgroup')).map((words) => words[1] ?? '');
}

function records(file: string): { stream: number; time: bigint; data: Buffer }[] {
  const all = readFileSync(file);
  const found = [];
  for (let at = 0; at < all.length;) {
    const length = all.readUInt32LE(at + 12);
    found.push({ time: all.readBigUInt64LE(at), stream: all.readUInt8(at + 8), data: all.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
    expect(at).toBeLessThanOrEqual(all.length);
  }
  return found;
}
const logText = (file: string, stream: number): string => Buffer.concat(records(file).filter((record) => record.stream === stream).map(({ data }) => data)).toString();
const sh = (script: string): string[] => ['sh', '-c', script];
const alive = (pid: number, startTime: number): boolean => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[19] === String(startTime) && fields[0] !== 'Z';
  } catch {
    return false;
  }
};

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  for (const container of running.splice(0)) {
    const { pid, startTime, shimPid, shimStartTime } = container.ready;
    if (pid > 0 && alive(pid, startTime)) process.kill(pid, 'SIGKILL');
    if (shimPid > 0) await until(() => (alive(shimPid, shimStartTime) ? null : true));
    expect(container.cgroups()).toEqual([]);
    expect(existsSync(join(container.bundle, 'shim.sock'))).toBe(false);
  }
});
afterAll(() => {
  for (const top of hierarchies()) if (existsSync(join(top, group))) execFileSync('rmdir', [join(top, group)]);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
  rmSync(folder, { recursive: true });
});

describe('a container\'s world', () => {
  it('has namespaces of its own, and is pid 1 without anything of the host\'s', async () => {
    const container = new Container(sh('echo pid $$; hostname; readlink /proc/self/ns/*; ls /proc/1/fd; ls /; cat /proc/mounts')).start();
    await container.line();
    await container.exit();
    const output = logText(container.log, 1);
    expect(output).toContain('pid 1\nbox\n');
    for (const kind of ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']) expect(output).not.toContain(readlinkSync(`/proc/self/ns/${kind}`));
    expect(output.match(/^\S+ \/ /gm)).toEqual(['overlay / ']);
    expect(output).not.toContain(' /etc/passwd');
    expect(output).toContain('overlay / overlay rw');
    expect(output).toContain('sysfs /sys sysfs ro');
  });

  it('has no descriptor but its three, in a session of its own, with default signals', async () => {
    const { output } = await new Container(sh('ls /proc/$$/fd; readlink /proc/$$/fd/0; cut -d" " -f6 /proc/$$/stat')).run();
    expect(output).toBe('0\n1\n2\n/dev/null\n1\n');
    expect((await new Container(['grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status']).run()).output).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n');
  });

  it('has the devices and links of the specification and no others', async () => {
    const { output } = await new Container(sh('cd /dev; ls; echo x > null; head -c 4 zero | od -An -tx1; cat /dev/kmsg; mknod /tmp/sda b 8 0 && cat /tmp/sda')).run();
    expect(output).toBe('core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n 00 00 00 00\n');
  });

  it('cannot see masked files nor write read-only ones', async () => {
    const { output, errors } = await new Container(sh('cat /proc/keys /proc/timer_list; ls /proc/acpi /sys/firmware 2>/dev/null; echo 1 > /proc/sys/kernel/panic; mkdir /sys/fs/cgroup/x; touch /sys/kernel/x')).run();
    expect(output.replace(/\/(proc|sys)\/\w+:\n|\n/g, '')).toBe('');
    expect(errors.replace(/^[^/]*(\/\S+?)'?: /gm, '$1 ')).toBe(
      '/proc/sys/kernel/panic Read-only file system\n/sys/fs/cgroup/x Read-only file system\n/sys/kernel/x Read-only file system\n');
  });

  it('reads the cgroup that it is in at the top of /sys/fs/cgroup', async () => {
    const { output } = await new Container(sh('cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null'),
      { resources: resources({ pids: 77 }) }).run();
    expect(output).not.toContain(group);
    expect(output).toContain('77\n');
  });

  it('runs as the user of its own passwd, with groups and home, and writes to /dev/stdout', async () => {
    const run = async (user: string, groupAdd: string[] = []): Promise<string> =>
      (await new Container(sh('id > /dev/stdout; echo $HOME; pwd'), { user, groupAdd, workingDir: '/srv/made/here' }).run()).output;
    expect(await run('app')).toBe('uid=1000(app) gid=1000(app) groups=1000(app),2000(web)\n/home/app\n/srv/made/here\n');
    expect(await run('app:web')).toBe('uid=1000(app) gid=2000(web) groups=2000(web)\n/home/app\n/srv/made/here\n');
    expect(await run('4242', ['audio', '99'])).toBe('uid=4242 gid=0(root) groups=0(root),99,3000(audio)\n/\n/srv/made/here\n');
    expect(await run('')).toBe('uid=0(root) gid=0(root) groups=0(root)\n/root\n/srv/made/here\n');
  });

  it('has Docker\'s capabilities and seccomp profile', async () => {
    const { output, errors } = await new Container(sh('grep -E "^(Cap|Seccomp:)" /proc/self/status; mount -t tmpfs t /tmp; unshare -U true; chroot / true && echo chroot; chown 5 /tmp && echo chown')).run();
    expect(output).toBe('CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nSeccomp:\t2\nchroot\nchown\n');
    expect(errors).toContain('unshare');
    expect((await new Container(sh('grep CapBnd /proc/self/status'), { capDrop: ['ALL'], capAdd: ['KILL'], user: 'app' }).run()).output).toBe('CapBnd:\t0000000000000020\n');
  });

  it('takes a profile from config.json itself just as well', async () => {
    const { output } = await new Container(sh('grep Seccomp: /proc/self/status; chroot / true || echo refused'), { capDrop: ['SYS_CHROOT'] }, { seccompBpf: null }).run();
    expect(output).toBe('Seccomp:\t2\nrefused\n');
  });
});

describe('mounts', () => {
  const bind = (source: string, target: string, change: Partial<ResolvedMount> = {}): ResolvedMount =>
    ({ type: 'bind', source, target, readOnly: false, propagation: '', recursive: 'enabled' as const, size: null, mode: null, options: [], ...change });

  it('binds folders and files, read-only where asked, and makes their targets', async () => {
    const source = join(folder, 'volume');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'file'), 'hello\n');
    const mounts = [bind(source, '/a/b/c'), bind(source, '/ro', { readOnly: true }), bind(join(source, 'file'), '/etc/deep/file')];
    const { output, errors } = await new Container(sh('cat /a/b/c/file /etc/deep/file /etc/hosts; echo new > /a/b/c/new; echo x > /ro/x; cat /ro/new'), {}, { mounts }).run();
    expect(output).toBe('hello\nhello\nhosts\nnew\n');
    expect(errors).toContain('/ro/x: Read-only file system');
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('new\n');
  });

  it('never mounts outside the root, whatever links the image has', async () => {
    const before = readdirSync('/etc').length;
    const { output } = await new Container(sh('ls /etc/planted; readlink /out'), {}, { mounts: [bind(folder, '/out/planted')] }).run();
    expect(output).toContain('layer');
    expect(output).toContain('/etc\n');
    expect(readdirSync('/etc')).toHaveLength(before);
  });

  it('gives tmpfs its size, mode and the mode of the folder it covers', async () => {
    const tmpfs = (target: string, change: Partial<ResolvedMount>): ResolvedMount => bind('tmpfs', target, { type: 'tmpfs', ...change });
    const mounts = [tmpfs('/tmp', { size: 65536 }), tmpfs('/new', { mode: 0o750, options: ['uid=7'] })];
    const { output } = await new Container(sh('stat -c "%a %u %n" /tmp /new; head -c 200000 /dev/zero > /tmp/x; ls -l /tmp/x | tr -s " " | cut -d" " -f5'), {}, { mounts }).run();
    expect(output).toBe('1777 0 /tmp\n750 7 /new\n65536\n');
  });

  it('has a read-only root where asked, with the working directory made all the same', async () => {
    const { output, errors } = await new Container(sh('pwd; echo x > /x; echo ok > /dev/shm/x && cat /dev/shm/x'), { readOnly: true, workingDir: '/fresh' }).run();
    expect(output).toBe('/fresh\nok\n');
    expect(errors).toContain('Read-only file system');
  });

  it('overlays more layers than mount(2) has room for', async () => {
    const many = Array.from({ length: 400 }, (_, at) => `layers/${'x'.repeat(40)}${at}`);
    for (const [at, name] of many.entries()) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, `file${at}`), String(at));
    }
    const container = new Container(sh('cat /file0 /file399'), {}, {
      root: { path: join(folder, 'many-root'), overlay: { cwd: folder, lowerdirs: ['layer', ...many], upperdir: join(folder, 'many-upper'), workdir: join(folder, 'many-work') }, mapped: false },
    });
    for (const name of ['root', 'upper', 'work']) mkdirSync(join(folder, `many-${name}`));
    expect((await container.run()).output).toBe('0399');
  });
});

describe('attached connections', () => {
  /** All that comes over a connection until its end. */
  function receive(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    socket.on('data', (data: Buffer) => chunks.push(data));
    return new Promise((resolve) => { socket.once('end', () => resolve(Buffer.concat(chunks))); });
  }
  /** Attaches to a running container; `first` is its answer. */
  async function attach(container: Container, parts: string): Promise<{ socket: Socket; first: string }> {
    const socket = connect({ path: join(container.bundle, 'shim.sock'), allowHalfOpen: true });
    closers.push(() => socket.destroy());
    socket.write(`${JSON.stringify({ version: 1, op: 'attach', parts })}\n`);
    const first = await new Promise<string>((resolve) => { socket.once('data', (data) => resolve(data.toString())); });
    return { socket, first };
  }

  it('get frames of each stream, and are the input until they end it', async () => {
    const container = new Container(sh('read line; echo got $line; echo bad >&2; cat; exit 4')).start('--stdin', 'once');
    await container.line();
    const { socket, first } = await attach(container, 'ioe');
    expect(first).toBe('{"version":1,"ok":true}\n');
    const all = receive(socket);
    socket.end('one\ntwo\n');
    expect((await container.exit()).exitCode).toBe(4);
    const bytes = await all;
    const frames: [number, string][] = [];
    for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32BE(at + 4)) frames.push([bytes.readUInt8(at), bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at + 4)).toString()]);
    expect(frames.filter(([stream]) => stream === 1).map(([, text]) => text).join('')).toBe('got one\ntwo\n');
    expect(frames.filter(([stream]) => stream === 2)).toEqual([[2, 'bad\n']]);
    expect(logText(container.log, 1)).toBe('got one\ntwo\n');
  });

  it('have a terminal\'s bytes as they are, of the size they ask for', async () => {
    const container = new Container(sh('stty size; read line; stty size; tty'), { tty: true }, { consoleSize: { width: 90, height: 30 } }).start('--stdin', 'open');
    await container.line();
    await until(() => (logText(container.log, 1).startsWith('30 90\r\n') ? true : null));
    const { socket } = await attach(container, 'io');
    const all = receive(socket);
    expect((await container.control({ version: 1, op: 'resize', width: 120, height: 50 })).answer).toMatchObject({ ok: true });
    socket.write('\r');
    await container.exit();
    expect((await all).toString()).toMatch(/\r\n50 120\r\n\/dev\/pts\/0\r\n$/);
  });

  it.skipIf(sanitized)(`hold a container back while they are behind, and let it go when they leave${notSanitized}`, async () => {
    const container = new Container(sh('head -c 30000000 /dev/zero; echo end')).start();
    await container.line();
    const { socket } = await attach(container, 'o');
    socket.pause();
    await until(() => (statSync(container.log).size > 200_000 ? true : null));
    const { shimPid } = container.ready;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    expect(existsSync(container.exitFile)).toBe(false);
    expect(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${shimPid}/status`, 'utf8'))?.[1])).toBeLessThan(4096);
    socket.destroy();
    expect((await container.exit()).exitCode).toBe(0);
    expect(logText(container.log, 1)).toMatch(/end\n$/);
  });

  it('are at most eight', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    for (let n = 0; n < 8; n++) expect((await attach(container, 'o')).first).toContain('"ok":true');
    expect((await attach(container, 'o')).first).toMatch(/"ok":false.*"errno":16/);
  });
});

describe('what cannot be run', () => {
  it.each([
    [['nosuch'], 127, 'exec nosuch: executable file not found in the container\'s PATH (/bin)'],
    [['/bin/nosuch'], 127, 'exec /bin/nosuch: not found in the container'],
    [['/etc/not-a-program'], 126, 'exec /etc/not-a-program: permission denied'],
    [['/etc'], 126, 'exec /etc: is a directory'],
  ])('%j', async (command, exitCode, error) => {
    const container = new Container(command).start();
    expect(await container.line()).toMatchObject({ exitCode, error });
    expect(existsSync(container.exitFile)).toBe(false);
    expect(container.cgroups()).toEqual([]);
  });

  it('names an unknown user, a missing bind source, an unknown rlimit', async () => {
    const failure = async (container: Container): Promise<string | undefined> => (await container.start().line()).error;
    expect(await failure(new Container(['true'], { user: 'ghost' }))).toContain('unable to find user ghost');
    expect(await failure(new Container(['true'], { user: 'app:ghosts' }))).toContain('unable to find group ghosts');
    const mounts = [{ type: 'bind' as const, source: '/nowhere/at/all', target: '/x', readOnly: false, propagation: '', recursive: 'enabled' as const, size: null, mode: null, options: [] }];
    expect(await failure(new Container(['true'], {}, { mounts }))).toContain('bind source /nowhere/at/all does not exist');
    expect(await failure(new Container(['true'], {}, {}, (config) => ({ ...config, process: { ...config.process, rlimits: [{ type: 'RLIMIT_X', soft: 1, hard: 1 }] } })))).toContain('RLIMIT_X');
    expect(await failure(new Container(['true'], {}, {}, (config) => ({ ...config, hooks: { prestart: [{}] } })))).toContain('hooks');
  });
});

describe('limits', () => {
  it('kills for memory, and says so', async () => {
    const { exit } = await new Container(['tail', '-c', '50000000', '/dev/zero'], { resources: resources({ memory: 16 << 20 }) }, {},
      (config) => ({ ...config, linux: { ...config.linux, resources: { memory: { limit: 16 << 20, swap: 16 << 20 } } } })).run();
    expect(exit).toMatchObject({ exitCode: 137, signal: 9, oomKilled: true });
  });

  it('holds the number of processes and the share of a processor', async () => {
    const container = new Container(['sleep', '1000'], { resources: resources({ cpus: 0.25, pids: 8 }) }).start();
    await container.line();
    const value = (...names: string[]): string =>
      readFileSync(container.cgroups().flatMap((path) => names.map((name) => join(path, name))).find((path) => existsSync(path)) ?? 'no such file', 'utf8').trim();
    expect(value('pids.max')).toBe('8');
    expect(['25000', '25000 100000']).toContain(value('cpu.cfs_quota_us', 'cpu.max'));
    expect(container.exec(sh('for i in $(seq 50); do sleep 100 > /dev/null 2>&1 & done')).stderr).toContain('can\'t fork');
    expect(alive(container.ready.pid, container.ready.startTime)).toBe(true);
  });
});

// What a hierarchy that is missing changes; where there is v2 alone, nothing can be taken away.
describe.runIf(existsSync('/sys/fs/cgroup/pids/tasks') && existsSync('/sys/fs/cgroup/unified/cgroup.procs'))('without a cgroup hierarchy', () => {
  it.each([
    ['memory', 'memory limit', resources({ memory: 32 << 20 })],
    ['cpu', 'cpu limit', resources({ cpus: 0.5 })],
    ['pids', 'limit of processes', resources({ pids: 9 })],
    ['cpuset', 'choice of processors', resources({ cpuset: '0' })],
    ['blkio', 'limit of disk input and output', resources({ blockIo: { ...NO_BLOCK_IO, weight: 300 } })],
  ])('%s does not start what needs it', async (name, what, resources) => {
    const container = new Container(['true'], { resources }).startWithout([name]);
    expect((await container.line()).error).toContain(`the ${what} cannot be held: the cgroup controller ${name} is not mounted`);
    expect(container.cgroups()).toEqual([]);
    const unlimited = new Container(['true']).startWithout([name]);
    expect((await unlimited.line()).error).toBeUndefined();
    expect(await unlimited.exit()).toMatchObject({ exitCode: 0 });
  });

  it('restricts devices by v2 where v1 does not, and starts nothing where neither does', async () => {
    const container = new Container(sh('mknod /tmp/vda b 254 0; mknod /tmp/null c 1 3; cat /tmp/null; head -c 1 /tmp/vda')).startWithout(['devices']);
    await container.line();
    await container.exit();
    expect(logText(container.log, 2)).toBe('head: /tmp/vda: Operation not permitted\n');
    expect((await new Container(['true']).startWithout(['devices', 'unified']).line()).error).toContain('access to devices cannot be restricted');
  });

  it('kills all at once without cgroup.kill, however fast they fork', async () => {
    const ownPids = ({ linux, ...config }: OciConfig): OciConfig =>
      ({ ...config, linux: { ...linux, namespaces: (linux.namespaces ?? []).filter(({ type }) => type !== 'pid') } });
    const container = new Container(sh('fork() { fork & fork & sleep 1000; }; fork & fork & sleep 1000'), { resources: resources({ pids: 100 }) }, {}, ownPids)
      .startWithout(['unified']);
    await container.line();
    const listed = join('/sys/fs/cgroup/pids', container.cgroup, 'cgroup.procs');
    await until(() => (readFileSync(listed, 'utf8').split('\n').length > 50 ? true : null));
    expect((await container.control({ version: 1, op: 'signal', signal: 9, all: true })).answer).toEqual({ version: 1, ok: true });
    expect(existsSync(listed) ? readFileSync(listed, 'utf8') : '').toBe('');
    expect(await container.exit()).toMatchObject({ exitCode: 137 });
  });
});

describe('the shim', () => {
  it.skipIf(sanitized)(`stays small, keeps the record of what it started, and answers its engine${notSanitized}`, async () => {
    const container = new Container(['sleep', '1000']).start();
    const ready = await container.line();
    expect(JSON.parse(readFileSync(join(container.bundle, 'pid'), 'utf8'))).toEqual(ready);
    expect(readlinkSync(`/proc/${ready.shimPid}/exe`)).toContain('bayplan-core');
    const dirty = Number(/Private_Dirty:\s+(\d+)/.exec(readFileSync(`/proc/${ready.shimPid}/smaps_rollup`, 'utf8'))?.[1]);
    expect(dirty).toBeLessThan(200);
    expect((await container.control({ version: 1, op: 'ping' })).answer).toEqual({ version: 1, ok: true });
    expect((await container.control({ version: 1, op: 'dance' })).answer).toMatchObject({ ok: false, errno: 38 });
    const { answer, closed } = await container.control({ version: 1, op: 'signal', signal: 9 });
    expect(answer).toEqual({ version: 1, ok: true });
    await closed;
    expect(JSON.parse(readFileSync(container.exitFile, 'utf8'))).toMatchObject({ version: 1, exitCode: 137, signal: 9, oomKilled: false });
  });

  it('kills all of a container at once', async () => {
    const container = new Container(sh('trap "" TERM; for i in 1 2 3 4; do setsid sleep 1000 & done; wait')).start();
    const { pid } = await container.line();
    await until(() => (readFileSync(join(container.cgroups()[0] ?? '', 'cgroup.procs'), 'utf8').trim().split('\n').length === 5 ? true : null));
    expect((await container.control({ version: 1, op: 'signal', signal: 15, all: false })).answer).toEqual({ version: 1, ok: true });
    expect(alive(pid, container.ready.startTime)).toBe(true);
    expect((await container.control({ version: 1, op: 'signal', signal: 9, all: true })).answer).toEqual({ version: 1, ok: true });
    expect(await container.exit()).toMatchObject({ exitCode: 137 });
  });

  it('keeps both streams apart, in records of whole bytes, and rotates', async () => {
    const { output, errors } = await new Container(sh('echo out; printf "\\0\\377"; echo err >&2')).run();
    expect([output, errors]).toEqual(['out\n\0\ufffd', 'err\n']);
    const container = new Container(sh('i=0; while [ $i -lt 2000 ]; do echo "line $i of two thousand lines that are all to be found"; i=$((i+1)); done'));
    await container.run('--log-max', '60000', '--log-files', '9');
    const files = [...Array.from({ length: 8 }, (_, at) => `${container.log}.${8 - at}`), container.log].filter((file) => existsSync(file));
    expect(files.length).toBeGreaterThan(1);
    expect(files.map((file) => logText(file, 1)).join('').trim().split('\n')).toHaveLength(2000);
  });

  it('loses nothing of what was written just before the end', async () => {
    const { output, exit } = await new Container(sh('head -c 3000000 /dev/zero | tr "\\0" x; exit 3')).run();
    expect(exit.exitCode).toBe(3);
    expect(output).toHaveLength(3_000_000);
  });

  it('lets the container go when it is killed itself, and delete cleans up after it', async () => {
    const container = new Container(['sleep', '1000']).start();
    const { pid, startTime, shimPid, shimStartTime } = await container.line();
    process.kill(shimPid, 'SIGKILL');
    await until(() => (alive(shimPid, shimStartTime) ? null : true));
    expect(alive(pid, startTime)).toBe(true);
    execFileSync(core, ['remove-cgroup', '--cgroup', container.cgroup]);
    await until(() => (alive(pid, startTime) ? null : true));
    expect(container.cgroups()).toEqual([]);
    execFileSync(core, ['remove-cgroup', '--cgroup', container.cgroup]);
    expect(spawnSync(core, ['remove-cgroup', '--cgroup', '/'], { encoding: 'utf8' })).toMatchObject({ status: 1, stderr: expect.stringContaining('names no cgroup') });
    rmSync(join(container.bundle, 'shim.sock'));
  });

  it('cannot be written to through /proc by those who see it', async () => {
    const container = new Container(['sleep', '1000']).start();
    const { shimPid } = await container.line();
    expect(() => writeFileSync(`/proc/${shimPid}/exe`, 'x')).toThrow(/EROFS/);
  });

  it('holds the lock it was given until it ends', async () => {
    const container = new Container(['sleep', '1000']);
    const lock = join(container.bundle, 'lock');
    const ready = openSync(join(container.bundle, 'ready'), 'w');
    running.push(container);
    execFileSync('flock', ['-n', lock, core, 'shim', '--bundle', container.bundle, '--exit-file', container.exitFile, '--log', container.log, '--ready-fd', '4', '--lock-fd', '3'],
      { stdio: ['ignore', 'ignore', 'inherit', 'ignore', ready] });
    closeSync(ready);
    const { pid, shimPid, shimStartTime } = await container.line();
    expect(readlinkSync(`/proc/${shimPid}/fd/3`)).toBe(lock);
    expect(spawnSync('flock', ['-n', lock, 'true']).status).toBe(1);
    process.kill(pid, 'SIGKILL');
    await until(() => (alive(shimPid, shimStartTime) ? null : true));
    expect(spawnSync('flock', ['-n', lock, 'true']).status).toBe(0);
  });
});

describe('exec', () => {
  it('joins the container and returns the exit code', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    const result = container.exec(sh('id -un; hostname; readlink /proc/self/ns/net; cat; echo no >&2; ls /proc/self/fd | wc -l; exit 7'), 'app', 'from stdin\n');
    const net = readlinkSync(`/proc/${container.ready.pid}/ns/net`);
    expect(result).toMatchObject({ status: 7, stdout: `app\nbox\n${net}\nfrom stdin\n4\n`, stderr: 'no\n' });
    expect(container.exec(['nosuch'])).toMatchObject({ status: 127, stderr: 'exec nosuch: executable file not found in the container\'s PATH (/bin)\n' });
    expect(container.exec(['/etc/passwd'])).toMatchObject({ status: 126, stderr: 'exec /etc/passwd: permission denied\n' });
    expect(container.exec(sh('kill -TERM $$')).status).toBe(143);
    expect(container.exec(sh('grep -c . /proc/self/cgroup; grep Seccomp: /proc/self/status')).stdout).toContain('Seccomp:\t2');
  });

  it('is limited by the container\'s cgroup and dies with it', async () => {
    const container = new Container(['sleep', '1000'], { resources: resources({ pids: 5 }) }).start();
    await container.line();
    expect(container.exec(sh('for i in 1 2 3 4 5 6; do sleep 0.01 & done')).stderr).toContain('can\'t fork');
    const file = join(container.bundle, 'exec.json');
    writeFileSync(file, JSON.stringify(execProcess(container.spec, imageOf(), { command: ['sleep', '1000'], environment: [], user: '', workingDir: '', tty: false })));
    const child = spawn(core, ['enter', '--pid', String(container.ready.pid), '--start-time', String(container.ready.startTime), '--process', file, '--cgroup', container.cgroup]);
    const ended = new Promise<number | null>((resolve) => { child.on('close', resolve); });
    await until(() => (readFileSync(join(container.cgroups()[0] ?? '', 'cgroup.procs'), 'utf8').trim().split('\n').length === 2 ? true : null));
    await container.control({ version: 1, op: 'signal', signal: 9 });
    expect(await ended).toBe(137);
  });

  it('kills on SIGTERM with all that it started, however early the signal comes', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    const listed = (): string[] => readFileSync(join(container.cgroups()[0] ?? '', 'cgroup.procs'), 'utf8').trim().split('\n');
    const file = join(container.bundle, 'exec.json');
    writeFileSync(file, JSON.stringify(execProcess(container.spec, imageOf(), { command: sh('sleep 1000 & sleep 1000 || true'), environment: [], user: '', workingDir: '', tty: false })));
    for (const processes of [4, 2]) {
      const child = spawn(core, ['enter', '--pid', String(container.ready.pid), '--start-time', String(container.ready.startTime), '--process', file, '--cgroup', container.cgroup]);
      const ended = new Promise<number | null>((resolve) => { child.on('close', resolve); });
      await until(() => (listed().length >= processes ? true : null));
      child.kill('SIGTERM');
      expect(await ended).toBe(137);
      await until(() => (listed().length === 1 ? true : null));
    }
  });

  it('refuses a process that is not the one meant', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    container.ready = { ...container.ready, startTime: container.ready.startTime + 1 };
    expect(container.exec(['true'])).toMatchObject({ status: 1, stderr: expect.stringContaining('is not the container\'s any more') });
    container.ready = { ...container.ready, startTime: container.ready.startTime - 1 };
  });
});
