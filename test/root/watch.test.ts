import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { bayplan, eventually, Machine, program } from './harness.ts';

// Files are saved here, and what follows is looked at in the containers.
const machine = new Machine();
const folder = join(machine.folder, 'stack');
const options = ['--root', machine.root, '-p', 'demo'];
let watching: Watching | null = null;

const STACK = `
include: [more/compose.yaml]
services:
  web:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    user: "1000:1001"
    env_file: web.env
    develop:
      watch:
        - { path: src, target: /app/src, action: sync, ignore: ["*.md"] }
        - { path: conf, target: /app/conf, action: sync+restart }
        - { path: hook, target: /app/hook, action: sync+exec, exec: { command: [sh, -c, "echo ran >> /tmp/hooks; echo of the hook"] } }
        - { path: first, target: /app/first, action: sync, initial_sync: true }
        - { path: settings, action: restart }
        - { path: recipe, action: rebuild }
`;
const INCLUDED = 'services: { other: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL } }\n';

/** `bayplan watch`, or another command that follows files. */
class Watching {
  readonly child: ChildProcess;
  output = '';
  readonly ended: Promise<number>;

  constructor(...args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...options, ...args], { cwd: folder, env: { ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (data: Buffer) => { this.output += data.toString(); });
    this.ended = new Promise((resolve) => this.child.once('exit', (code) => resolve(code ?? -1)));
  }

  async shows(text: string | RegExp): Promise<void> {
    await eventually(() => expect(this.output).toMatch(text));
  }

  /** What it says from here on. */
  async after(work: () => void, text: string | RegExp): Promise<string> {
    const from = this.output.length;
    work();
    await eventually(() => expect(this.output.slice(from)).toMatch(text));
    return this.output.slice(from);
  }
}

const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const inside = async (script: string): Promise<string> => (await bayplan([...options, 'exec', '-T', 'web', 'sh', '-c', script], { cwd: folder })).stdout;
const idOf = async (service: string): Promise<string> => (await bayplan([...options, 'ps', '-q', '--no-trunc', service], { cwd: folder })).stdout.trim();

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
  write('compose.yaml', STACK);
  write('more/compose.yaml', INCLUDED);
  write('web.env', 'COLOUR=red\n');
  write('src/a', 'one');
  write('conf/c', 'one');
  write('hook/h', 'one');
  write('first/f', 'first');
  write('settings/s', 'one');
  write('recipe/Dockerfile', 'FROM scratch');
  watching = new Watching('watch');
  await watching.shows('⦿ Watch enabled');
});
afterEach(() => expect(watching?.output).not.toContain('a defect'));
afterAll(async () => {
  watching?.child.kill('SIGKILL');
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

it('initial_sync copies what is there, before anything changes', async () => {
  expect(await inside('cat /app/first/f; stat -c %u:%g /app/first/f; ls /app')).toBe('first1000:1001\nfirst\n');
});

it('a saved file is in the container as its user\'s; new folders, links, renames over it and removals too; what is ignored is not', async () => {
  write('src/a', 'two');
  write('src/d/e/f', 'deep');
  write('src/README.md', 'not this');
  write('src/.save', 'renamed over');
  renameSync(join(folder, 'src/.save'), join(folder, 'src/b'));
  symlinkSync('a', join(folder, 'src/link'));
  await eventually(async () => expect(await inside('cd /app/src && cat a b d/e/f && readlink link && stat -c %u a d/e/f && ls -A')).toBe('tworenamed overdeepa\n1000\n1000\na\nb\nd\nlink\n'));
  rmSync(join(folder, 'src/d'), { recursive: true });
  rmSync(join(folder, 'src/b'));
  await eventually(async () => expect(await inside('ls -A /app/src')).toBe('a\nlink\n'));
});

it('500 saves are few syncs, and the last of them counts', async () => {
  const said = await watching?.after(() => { for (let save = 1; save <= 500; save++) write(`src/many/${save % 50}`, String(save)); }, 'Syncing service "web"');
  await eventually(async () => expect(await inside('cat /app/src/many/0; ls /app/src/many | wc -l')).toBe('50050\n'));
  expect(said?.match(/Syncing/g)?.length).toBeLessThanOrEqual(5);
});

it('sync+restart restarts, sync+exec runs its command once for all that has changed', async () => {
  const id = await idOf('web');
  const began = await inside('stat -c %Y.%z /proc/1');
  await watching?.after(() => write('conf/c', 'two'), 'service(s) ["web"] restarted');
  expect([await inside('cat /app/conf/c'), await idOf('web')]).toEqual(['two', id]);
  expect(await inside('stat -c %Y.%z /proc/1')).not.toBe(began);
  await watching?.after(() => { for (const name of ['h', 'i', 'j']) write(`hook/${name}`, 'two'); }, 'of the hook');
  expect(await inside('cat /app/hook/j /tmp/hooks')).toBe('tworan\n');
});

it('restart restarts and copies nothing; rebuild is told at once and with each change, and the container stays', async () => {
  const id = await idOf('web');
  const began = await inside('stat -c %Y.%z /proc/1');
  const said = await watching?.after(() => write('settings/s', 'two'), 'service(s) ["web"] restarted');
  expect(said).not.toContain('Syncing');
  const again = await inside('stat -c %Y.%z /proc/1');
  expect([await idOf('web'), again === began, await inside('find / -xdev -name settings')]).toEqual([id, false, '']);
  expect(watching?.output).toContain(`service "web": ${join(folder, 'recipe')}: building images is not there yet: a change that asks for a rebuild is told, and nothing else\n`);
  await watching?.after(() => write('recipe/Dockerfile', 'FROM nothing'), 'service "web": 1 change asks for a rebuild, and images cannot be built yet: build its image elsewhere, and load it\n');
  expect([await idOf('web'), await inside('stat -c %Y.%z /proc/1')]).toEqual([id, again]);
});

it('a second watch of the stack is refused with the pid of the first, another stack\'s is not; one that was killed is in nobody\'s way', async () => {
  const refused = `another watch of the stack "demo" runs, pid ${watching?.child.pid ?? 0}: end that one first`;
  for (const args of [['watch'], ['watch', '--no-up'], ['up', '--watch']]) expect(await bayplan([...options, ...args], { cwd: folder })).toEqual({ code: 1, stdout: '', stderr: `bayplan: ${refused}\n` });
  const other = new Watching('-p', 'other', 'watch', '--no-up');
  await other.shows('⦿ Watch enabled');
  other.child.kill('SIGINT');
  expect(await other.ended).toBe(130);
  watching?.child.kill('SIGKILL');
  await watching?.ended;
  watching = new Watching('watch');
  await watching.shows('⦿ Watch enabled');
  await watching.after(() => write('src/a', 'two'), 'Syncing service "web"'); // it knows of its own copies alone
});

it('a broken stack file is told with its line, and changes nothing; once it is right again, it counts', async () => {
  const [web, other] = [await idOf('web'), await idOf('other')];
  const said = await watching?.after(() => write('compose.yaml', STACK.replace('user: "1000:1001"', 'user: "1000:1001"\n    imagee: x')), 'nothing was changed');
  expect(said).toMatch(/compose\.yaml:9:\d+: .*imagee.*\n {2}9 \| {5}imagee: x\n {4}\| {5}\^\n.*1 mistake in the stack file; nothing was changed/);
  expect([await idOf('web'), await idOf('other')]).toEqual([web, other]);
  await watching?.after(() => write('compose.yaml', STACK.replace('SIGKILL', 'SIGKILL\n    environment: { SIZE: big }')), /start-container demo-web-1[^]*Syncing/);
  expect(await idOf('other')).toBe(other);
  // What was copied before is in the new container as well.
  await eventually(async () => expect(await inside('echo $SIZE; cat /app/src/a /app/first/f')).toBe('big\ntwofirst'));
});

it('what the stack file names is followed too: env files, included files, an override file that appears', async () => {
  await watching?.after(() => write('web.env', 'COLOUR=green\n'), 'start-container demo-web-1');
  expect(await inside('echo $COLOUR')).toBe('green\n');
  await watching?.after(() => write('more/compose.yaml', INCLUDED.replace('other:', 'another:')), 'start-container demo-another-1');
  await watching?.after(() => write('compose.override.yaml', 'services: { web: { environment: { COLOUR: blue } } }\n'), 'start-container demo-web-1');
  expect(await inside('echo $COLOUR')).toBe('blue\n');
  await watching?.after(() => rmSync(join(folder, 'compose.override.yaml')), 'start-container demo-web-1');
  expect(await inside('echo $COLOUR')).toBe('green\n');
});

it('ends at an interrupt and leaves the services up; up --watch shows what they write, and stops them', async () => {
  watching?.child.kill('SIGINT');
  expect(await watching?.ended).toBe(130);
  expect(watching?.output).toContain('⦿ Watch disabled');
  expect(await idOf('web')).not.toBe('');
  write('compose.yaml', STACK.replace('command: [sleep, "1000"]', 'command: [sh, -c, "while sleep 0.1; do cat /app/src/a; echo; done"]'));
  watching = new Watching('up', '--watch');
  await watching.shows('⦿ Watch enabled');
  await watching.after(() => write('src/a', 'shown'), /web-1.*\| shown/);
  await watching.after(() => write('compose.yaml', STACK.replace('command: [sleep, "1000"]', 'command: [echo, "and ends"]')), /web-1.*\| and ends/);
  watching.child.kill('SIGINT');
  expect(await watching.ended).toBe(130);
  expect((await bayplan([...options, 'ps', '--format', '{{.Name}}'], { cwd: folder })).stdout).toBe('demo-other-1\n'); // which the file does not have any more
});

it('10,000 files', async () => {
  const many = mkdtempSync('/dev/shm/bayplan-many-');
  try {
    for (let at = 0; at < 100; at++) {
      mkdirSync(join(many, `d${at}`));
      for (let file = 0; file < 100; file++) writeFileSync(join(many, `d${at}`, `f${file}`), '');
    }
    write('compose.yaml', `services: { web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, develop: { watch: [{ path: ${many}, target: /many, action: sync }] } } }\n`);
    watching = new Watching('watch', '--quiet');
    await watching.shows('⦿ Watch enabled');
    const resident = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${watching.child.pid ?? 0}/status`, 'utf8'))?.[1]);
    expect(resident / 1024).toBeLessThan(150);
    writeFileSync(join(many, 'd77/f77'), 'of ten thousand');
    await eventually(async () => expect(await inside('cat /many/d77/f77; ls /many')).toBe('of ten thousandd77\n'));
    watching.child.kill('SIGINT');
    expect(await watching.ended).toBe(130);
  } finally {
    rmSync(many, { recursive: true });
  }
});
