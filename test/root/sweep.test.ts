import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pathsOf, type Paths } from '../../src/state/paths.ts';
import { bayplan, eventually, top } from './harness.ts';

// What engines leave that were killed: taken away where their root folder is gone, and never what a living or a stopped engine, or a container that runs, has.
let folder: string;
let left: Paths;
let own: Paths;
let port = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-sweep-'));
  [left, own] = [pathsOf(join(folder, 'left')), pathsOf(join(folder, 'own'))];
  port = 20_000 + (randomBytes(2).readUInt16BE(0) % 10_000);
});
afterEach(async () => {
  for (const { root } of [left, own]) if (existsSync(root)) await run(root, 'engine', 'stop');
  await expect.poll(() => [left, own].flatMap(({ root }) => engines(root)), { timeout: 5000 }).toEqual([]);
  for (const paths of [left, own]) execFileSync(process.execPath, [join(top, 'test/root/forget-engine.mjs'), JSON.stringify(paths)], { stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(folder, { recursive: true });
});

async function run(root: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await bayplan(['--root', root, ...args]);
  if (code !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Brings a stack of one container up on the root that is to be left; its pid. */
async function up(): Promise<number> {
  const archive = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello', '--out', join(top, 'build/images')], { encoding: 'utf8' }).trim();
  writeFileSync(join(folder, 'compose.yaml'), `services: { web: { image: bayplan/hello, command: [httpd, -f, -p, "80"], stop_signal: SIGKILL, ports: ["127.0.0.1:${port}:80"] } }\n`);
  await run(left.root, 'load', archive);
  await run(left.root, '-p', 'left', '-f', join(folder, 'compose.yaml'), 'up', '-d');
  return pidOf();
}

function pidOf(): number {
  const [short = ''] = readdirSync(left.bundles);
  return JSON.parse(readFileSync(join(left.bundles, short, 'pid'), 'utf8')).pid;
}

/** Kills the engine of the root that is to be left and, with `all`, its shims and containers. */
async function kill(all: boolean): Promise<void> {
  const pids = all ? [...new Set(folders().flatMap((path) => ['engine', ...readdirSync(join(path)).filter((name) => /^[0-9a-f]{16}$/.test(name))].flatMap((name) => procs(join(path, name)))))] : engines(left.root);
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await expect.poll(() => pids.filter((pid) => !hasEnded(pid)), { timeout: 5000 }).toEqual([]);
}

/** With all its threads: any of them keeps what it has locked. */
function hasEnded(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) && readdirSync(`/proc/${pid}/task`).length === 1;
  } catch {
    return true;
  }
}

function procs(path: string): readonly number[] {
  return existsSync(path) ? readFileSync(join(path, 'cgroup.procs'), 'utf8').split('\n').filter((line) => line !== '').map(Number) : [];
}

function engines(root: string): readonly number[] {
  return spawnSync('pgrep', ['-f', '--', `--root ${root} engine run`], { encoding: 'utf8' }).stdout.split('\n').filter((line) => line !== '').map(Number);
}

function folders({ cgroup } = left): readonly string[] {
  return readdirSync('/sys/fs/cgroup').map((name) => join('/sys/fs/cgroup', name, cgroup)).filter((path) => existsSync(path));
}

/** What there is of an engine on the host. */
function remains(paths = left): { readonly run: boolean; readonly links: boolean; readonly table: boolean; readonly cgroups: boolean; readonly mounts: boolean } {
  return {
    run: existsSync(paths.run), links: execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' }).includes(paths.linkPrefix), table: execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).includes(`table inet ${paths.table}\n`),
    cgroups: folders(paths).length > 0, mounts: readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${paths.run}/`),
  };
}

const ALL = { run: true, links: true, table: true, cgroups: true, mounts: true };
const NOTHING = { run: false, links: false, table: false, cgroups: false, mounts: false };

async function answers(): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end('GET / HTTP/1.0\r\n\r\n'));
    let text = '';
    socket.setTimeout(5000, () => socket.destroy());
    socket.on('data', (data) => { text += data.toString(); }).on('error', () => undefined).on('close', () => resolve(text.startsWith('HTTP/1')));
  });
}

test('an engine that was killed with all that ran, and whose root folder was deleted, is swept by the start of any other', async () => {
  await up();
  await kill(true);
  expect(remains()).toEqual(ALL);
  await run(own.root, 'ls');
  expect(remains()).toEqual(ALL); // its root is there
  rmSync(left.root, { recursive: true });
  await run(own.root, 'engine', 'stop');
  await run(own.root, 'ls');
  await eventually(() => expect(remains()).toEqual(NOTHING));
});

test('what a living engine has, or a container that runs, stays; one that is merely stopped finds it again', async () => {
  const pid = await up();
  const sweep = async (...options: readonly string[]): Promise<string> => (await run(own.root, 'engine', 'sweep', ...options, left.root)).trim();
  expect(await sweep('--kill')).toBe('nothing is left of engines that are gone'); // it lives
  await kill(false);
  expect(await sweep('--kill')).toBe('nothing is left of engines that are gone'); // its root is there
  expect([remains(), await answers()]).toEqual([ALL, true]);

  renameSync(left.root, `${left.root}-away`);
  expect(await sweep()).toBe(`kept ${left.run} of ${left.root}, which is gone: something of it still runs: --kill ends that`);
  await run(own.root, 'engine', 'stop');
  await run(own.root, 'ls'); // the start of another engine
  expect([remains(), await answers()]).toEqual([ALL, true]);
  renameSync(`${left.root}-away`, left.root); // a disk that was not mounted for a while
  expect(await run(left.root, '-p', 'left', 'ps')).toMatch(/left-web-1 .* running|left-web-1 .* Up/);
  expect([pidOf(), await answers()]).toEqual([pid, true]);

  await kill(false);
  rmSync(left.root, { recursive: true });
  const named = await sweep('--kill', '--dry-run');
  expect(named.replaceAll('would remove', 'removed').split('\n').sort()).toEqual(expect.arrayContaining([`removed ${left.run} of ${left.root}, which is gone`, `removed table inet ${left.table}`, `removed cgroup ${left.cgroup}`]));
  expect(await answers()).toBe(true);
  const another = spawn('flock', [left.lock, 'sleep', '0.5'], { stdio: 'ignore' }); // which sweeps the same just then, as each engine does that starts
  await eventually(() => expect(spawnSync('flock', ['-n', left.lock, 'true']).status).toBe(1));
  expect((await sweep('--kill')).split('\n')).toEqual(named.replaceAll('would remove', 'removed').split('\n'));
  await eventually(() => expect([remains(), existsSync(`/proc/${pid}`)]).toEqual([NOTHING, false]));
  await eventually(() => expect(another.exitCode).toBe(0));
});

test('an engine that was stopped, its containers too, goes on from what it left', async () => {
  await up();
  await run(left.root, '-p', 'left', 'stop');
  await run(left.root, 'engine', 'stop');
  await run(own.root, 'engine', 'sweep', '--kill', left.root);
  await run(left.root, '-p', 'left', 'start');
  expect(await answers()).toBe(true);
  await run(left.root, '-p', 'left', 'down');
});

test('what bears the name of an engine of which nothing else is there goes at a person\'s word, but for where somebody lives', async () => {
  const instance = randomBytes(4).toString('hex');
  const [table, link, cgroup] = [`bayplan-${instance}`, `bp${instance.slice(0, 4)}-`, join('/sys/fs/cgroup/pids', `bayplan-${instance}`)];
  const sweep = async (...options: readonly string[]): Promise<readonly string[]> => (await run(own.root, 'engine', 'sweep', ...options)).split('\n').filter((line) => line.includes(instance) || line.includes(link)).sort();
  execFileSync('nft', ['add', 'table', 'inet', table]);
  execFileSync('ip', ['link', 'add', `${link}00000001`, 'type', 'bridge']);
  execFileSync('ip', ['link', 'add', `${link}00000002`, 'type', 'veth', 'peer', 'name', `x${instance}`]);
  try {
    mkdirSync(join(cgroup, 'engine'), { recursive: true });
    expect(await sweep()).toEqual([`kept ${table}, links ${link}*: something of it still runs: --kill ends that`]);
    execFileSync('ip', ['link', 'delete', `${link}00000002`]);
    expect(await sweep('--dry-run')).toEqual([`would remove cgroup ${table}`, `would remove link ${link}00000001`, `would remove table inet ${table}`]);
    expect(await sweep()).toEqual([`removed cgroup ${table}`, `removed link ${link}00000001`, `removed table inet ${table}`]);
    expect([existsSync(cgroup), existsSync(`/sys/class/net/${link}00000001`), existsSync(`/run/${table}`), execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).includes(table)]).toEqual([false, false, false, false]);
  } finally {
    for (const name of [`${link}00000001`, `${link}00000002`]) spawnSync('ip', ['link', 'delete', name]);
    spawnSync('nft', ['delete', 'table', 'inet', table]);
    for (const path of [join(cgroup, 'engine'), cgroup]) if (existsSync(path)) rmdirSync(path);
  }
});
