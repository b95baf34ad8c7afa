import { execFileSync, spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { eventually } from './harness.ts';

export interface Config {
  process: Record<string, unknown> & { args: string[] };
  root: { path: string; readonly: boolean };
  hooks?: Record<string, { path: string; args?: string[]; env?: string[]; timeout?: number }[]>;
  mounts: { destination: string; type?: string; source?: string; options?: string[]; [key: string]: unknown }[];
  linux: Record<string, unknown> & { namespaces: { type: string; path?: string }[] };
  [key: string]: unknown;
}
interface Ended { status: number | null; stderr: string }

export const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
const ALL = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID', 'CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT', 'CAP_MKNOD'];

/** What it says on stderr when it fails, without the word that begins such a line. */
export const said = (stderr: string): string => stderr.replace(/^error: /gm, '');

/** The core's OCI command line, without an engine: bundles of one busybox root, for the tests of one file. After each, what it made is deleted, and nothing may be left. */
export function ociWorld() {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-oci-'));
  const group = basename(folder);
  const root = join(folder, 'state');
  const rootfs = join(folder, 'rootfs');
  let count = 0;
  const names: string[] = [];
  const closers: (() => void)[] = [];

  beforeAll(() => {
    for (const name of ['bin', 'etc', 'tmp', 'proc', 'dev', 'sys']) mkdirSync(join(rootfs, name), { recursive: true });
    copyFileSync('/bin/busybox', join(rootfs, 'bin/busybox'));
    for (const applet of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')) if (applet !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', applet));
    writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    writeFileSync(join(rootfs, 'bin/script'), '#!/usr/bin/python9\n');
    chmodSync(join(rootfs, 'bin/script'), 0o755);
  });

  /** A bundle with a name of its own, which is the container's too. */
  function bundle(args: readonly string[], edit: (config: Config) => void = () => undefined): string {
    const name = `c${++count}`;
    const config: Config = {
      ociVersion: '1.2.0', hostname: 'box', root: { path: rootfs, readonly: false },
      process: { user: { uid: 0, gid: 0 }, args: [...args], env: ['PATH=/bin'], cwd: '/', capabilities: { bounding: ALL, effective: ALL, permitted: ALL } },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' }, { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'] },
      ],
      linux: { cgroupsPath: `/${group}/${name}`, namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
    };
    edit(config);
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, 'config.json'), JSON.stringify(config));
    names.push(name);
    return name;
  }

  const oci = (...args: string[]): SpawnSyncReturns<string> => {
    const ended = spawnSync(core, ['--root', root, ...args], { encoding: 'utf8', timeout: 20_000 });
    return { ...ended, stderr: said(ended.stderr) };
  };
  const run = (name: string, ...options: string[]): SpawnSyncReturns<string> => oci('run', ...options, '--bundle', join(folder, name), name);
  /** `run -d` and `create` hand their stdio to the container: nobody waits for its end then. */
  const quiet = (...args: string[]): Ended => {
    const errors = join(folder, 'stderr');
    const { status } = spawnSync('sh', ['-c', `exec "$0" "$@" >${join(folder, 'stdout')} 2>${errors} </dev/null`, core, '--root', root, ...args], { timeout: 20_000 });
    return { status, stderr: said(readFileSync(errors, 'utf8')) };
  };
  const start = (name: string, ...options: string[]): void => expect(quiet('run', '-d', ...options, '--bundle', join(folder, name), name)).toEqual({ status: 0, stderr: '' });
  const create = (name: string, ...options: string[]): Ended => quiet('create', ...options, '--bundle', join(folder, name), name);
  const state = (name: string): { status: string; pid: number } & Record<string, unknown> => JSON.parse(oci('state', name).stdout);
  const stopped = (name: string): Promise<void> => eventually(() => expect(state(name).status).toBe('stopped'));
  const cgroups = (name: string): string[] => readFileSync('/proc/mounts', 'utf8').split('\n').map((line) => line.split(' ')).filter((words) => words[2]?.startsWith('cgroup') && words[1]?.startsWith('/sys/fs/cgroup'))
    .map((words) => join(words[1] ?? '', group, name)).filter((path) => existsSync(path));

  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    for (const name of names.splice(0)) {
      await eventually(() => expect(oci('delete', '--force', name)).toMatchObject({ status: 0, stderr: '' }));
      expect(cgroups(name)).toEqual([]);
    }
    expect(existsSync(root) ? readdirSync(root) : []).toEqual([]);
  });
  afterAll(() => {
    for (const path of cgroups('')) execFileSync('rmdir', [path]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
    rmSync(folder, { recursive: true });
  });

  return { folder, group, root, rootfs, names, closers, bundle, oci, run, quiet, start, create, state, stopped, cgroups };
}
