import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { bundleOf, type BundleInput } from '../../src/runtime/container/bundle.ts';
import { capabilitiesOf } from '../../src/runtime/container/capabilities.ts';
import { deviceNumbers } from '../../src/runtime/container/device-numbers.ts';
import type { OciConfig } from '../../src/runtime/container/oci.ts';
import { execProcess } from '../../src/runtime/container/process.ts';
import { seccompProfile } from '../../src/runtime/container/seccomp.ts';
import type { ContainerSpec } from '../../src/state/container.ts';
import { imageOf, specOf } from '../runtime/container/container-spec.ts';

// The core alone, without an engine: bundles of one busybox layer, run by `bayplan-core shim`; for the tests of one file. After each, what it made has to be gone.
/** A build with sanitizers, whose memory says nothing. */
export const sanitized = process.env.BAYPLAN_TEST_CORE !== undefined;
export const notSanitized = sanitized ? ' (skipped: a sanitized core is larger and slower)' : '';
export const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
export const folder = mkdtempSync(join(tmpdir(), 'bayplan-core-'));
export const group = basename(folder);
export const layer = join(folder, 'layer');
export const compiled = join(folder, 'default.bpf');
export const PATH = '/bin';

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

export interface Exit { exitCode: number; signal: number; oomKilled: boolean; startedAt: number; finishedAt: number }
export interface Ready { pid: number; startTime: number; shimPid: number; shimStartTime: number; error?: string; exitCode?: number; errno?: number }

let count = 0;
export const running: Container[] = [];

export class Container {
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
export const closers: (() => void)[] = [];

/** Waits for a condition, at most 20 s. */
export async function until<T>(condition: () => T | null): Promise<T> {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const value = condition();
    if (value !== null) return value;
    await new Promise((resolve) => { setTimeout(resolve, 5); });
  }
  throw new Error(`not within 20 s: ${condition.toString()}`);
}

export function hierarchies(): string[] {
  return readFileSync('/proc/mounts', 'utf8').split('\n').map((line) => line.split(' ')).filter((words) => words[2]?.startsWith('cgroup')).map((words) => words[1] ?? '');
}

export function records(file: string): { stream: number; time: bigint; data: Buffer }[] {
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
export const logText = (file: string, stream: number): string => Buffer.concat(records(file).filter((record) => record.stream === stream).map(({ data }) => data)).toString();
export const sh = (script: string): string[] => ['sh', '-c', script];
export const alive = (pid: number, startTime: number): boolean => {
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
    try {
      if (pid > 0 && alive(pid, startTime)) process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (alive(pid, startTime)) throw error; // else it has ended meanwhile
    }
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
