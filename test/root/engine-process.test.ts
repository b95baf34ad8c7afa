import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pathsOf, type Paths } from '../../src/state/paths.ts';

// The engine as a process of its own, started by the command line as a user does.
const PROGRAM = resolve(import.meta.dirname, '../../build/bayplan.cjs');

let folder: string;
let paths: Paths;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-engine-'));
  paths = pathsOf(join(folder, 'root'));
});
afterEach(async () => {
  await bayplan(['engine', 'stop']);
  // It answers before it ends; its cgroups go with it.
  await expect.poll(() => [...engines(), ...cgroupsOf(paths)], { timeout: 5000 }).toEqual([]);
  execFileSync(process.execPath, [join(import.meta.dirname, 'forget-engine.mjs'), JSON.stringify(paths)], { stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(folder, { recursive: true });
});

interface Ended { readonly status: number; readonly out: string; readonly err: string }

async function bayplan(args: readonly string[], options: { readonly uid?: number; readonly env?: Record<string, string> } = {}): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, '--root', paths.root, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'], ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }), env: { PATH: process.env['PATH'], ...options.env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => { out += String(chunk); });
  child.stderr.on('data', (chunk) => { err += String(chunk); });
  return await new Promise((done) => child.once('close', (code) => done({ status: code ?? -1, out, err })));
}

function mounts(run = paths.run): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '').filter((at) => at.startsWith(`${run}/`));
}

function cgroupsOf({ cgroup }: Paths): readonly string[] {
  return readdirSync('/sys/fs/cgroup').map((hierarchy) => join('/sys/fs/cgroup', hierarchy, cgroup)).filter((path) => existsSync(path));
}

/** Pids of the engines of a root. */
function engines(root = paths.root): readonly number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return argv.includes(root) && argv.includes('engine') && argv.includes('run');
    } catch {
      return false; // it ended meanwhile
    }
  });
}

test('commands start one engine, however many ask at once, in a session and an environment of its own', async () => {
  const all = await Promise.all([1, 2, 3].map(async () => bayplan(['ls', '--format', 'json'], { env: { SECRET: 'x', BAYPLAN_X: 'y', LANG: 'C' } })));
  expect(all).toEqual([1, 2, 3].map(() => ({ status: 0, out: '[]\n', err: '' })));
  await expect.poll(engines, { timeout: 10_000 }).toHaveLength(1); // those that lost the race for the lock have ended
  const [pid = 0] = engines();
  expect(statSync(paths.socket).mode & 0o777).toBe(0o660);
  const [, , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  expect(Number(session)).toBe(pid);
  const environ = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').map((entry) => entry.split('=', 1)[0]);
  expect(environ.filter((name) => name !== '').sort()).toEqual(['BAYPLAN_X', 'LANG', 'PATH']);

  const second = await bayplan(['engine', 'run']);
  expect([second.status, second.err.trim().split('\n').length]).toEqual([1, 1]);
  expect(second.err).toContain('is running already');

  expect(await bayplan(['engine', 'stop'])).toMatchObject({ status: 0, out: 'engine stopped\n' });
  expect(existsSync(paths.socket)).toBe(false);
  await expect.poll(engines, { timeout: 5000 }).toEqual([]);
});

test('an engine that was killed is replaced by the next command', async () => {
  await bayplan(['ls']);
  const [pid = 0] = engines();
  process.kill(pid, 'SIGKILL');
  expect(await bayplan(['ls', '--format', 'json'])).toEqual({ status: 0, out: '[]\n', err: '' });
  expect(engines()).not.toEqual([pid]);
});

test('what was stopped with nothing running leaves nothing in the kernel or in /run', async () => {
  await bayplan(['ls']);
  expect(mounts()).not.toEqual([]);
  await bayplan(['engine', 'stop']);
  await expect.poll(engines, { timeout: 5000 }).toEqual([]);
  expect([existsSync(paths.run), mounts()]).toEqual([false, []]);
});

test('an engine takes away what one left whose root folder was deleted, and half a seccomp profile', async () => {
  const other = pathsOf(join(folder, 'other'));
  for (const root of [other.root, paths.root]) await bayplan(['--root', root, 'ls']);
  for (const pid of [...engines(other.root), ...engines()]) process.kill(pid, 'SIGKILL');
  await expect.poll(() => [...engines(other.root), ...engines()]).toEqual([]);
  rmSync(other.root, { recursive: true });
  const half = join(paths.run, 'seccomp-0123-ab.json');
  writeFileSync(half, '{}');
  await bayplan(['ls']);
  expect([existsSync(other.run), mounts(other.run), cgroupsOf(other), existsSync(half)]).toEqual([false, [], [], false]);
});

test('without root one line says what is needed', async () => {
  const absent = await bayplan(['ps', '-p', 'x'], { uid: 65534 });
  expect([absent.status, absent.err]).toEqual([1, 'bayplan: root is needed to make namespaces, mounts and network links: run it with sudo\n']);
  await bayplan(['ls']);
  const closed = await bayplan(['ps', '-p', 'x'], { uid: 65534 });
  expect([closed.status, closed.err]).toEqual([1, `bayplan: no access to the engine's socket ${paths.socket}: run bayplan as root (sudo), or join the group that owns the socket\n`]);
});

test('containers and layers are spread over the block groups of ext4', async (context) => {
  context.skip(execFileSync('stat', ['-f', '-c', '%T', folder], { encoding: 'utf8' }).trim() !== 'ext2/ext3', 'no ext4 here');
  expect((await bayplan(['ls'])).status).toBe(0);
  for (const each of [paths.containers, paths.layers]) expect(execFileSync('lsattr', ['-d', each], { encoding: 'utf8' })).toMatch(/^\S*T\S* /);
});
