import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bayplan, Machine } from './harness.ts';

// --dry-run: each verb says what it would do, does nothing, and does what it has said where it is run without.
const machine = new Machine();
const file = join(machine.folder, 'compose.yaml');
const stack = (more = ''): string => `
name: demo
services:
  web: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["data:/data"], depends_on: [db]${more}}
  db: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL}
volumes: {data: }
`;
const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '--file', file, ...args], { cwd: machine.folder });
async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await own(...args);
  expect([args, code, stderr]).toEqual([args, 0, '']);
  return stdout;
}
/** What there is, and each event that there was: there is no change without one. */
async function state(): Promise<readonly string[]> {
  return await Promise.all([out('ps', '-a', '-q'), out('events', '--json', '--since', '1h', '--until', '0s')]);
}
/** The steps that a verb says it would take. */
async function asked(verb: string, ...args: readonly string[]): Promise<readonly string[]> {
  return stepsIn(await out(verb, '--dry-run', ...args));
}
/** The same without the flag. */
async function done(verb: string, ...args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout } = await own(verb, ...args);
  expect([verb, code]).toEqual([verb, 0]);
  return stepsIn(stdout);
}
/** Without what is said beside them. */
function stepsIn(text: string): readonly string[] {
  return text.trimEnd().split('\n').map((line) => line.split('  (')[0] ?? '').filter((line) => !/^(Going to remove|note: )/.test(line));
}

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
  writeFileSync(file, stack());
  expect((await own('up', '-d')).code).toBe(0);
});
afterAll(async () => {
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

it.each([
  ['pause', ['db'], ['pause-container demo-db-1']],
  ['unpause', [], ['unpause-container demo-db-1']],
  ['restart', ['--no-deps', 'db'], ['stop-container demo-db-1', 'start-container demo-db-1']],
  ['kill', ['-s', 'WINCH', 'web'], ['signal-container demo-web-1']],
  ['stop', ['web'], ['stop-container demo-web-1']],
  ['start', ['web'], ['start-container demo-web-1']],
  ['kill', ['web'], ['stop-container demo-web-1']],
  ['rm', ['-f'], ['remove-container demo-web-1']],
  ['up', ['-d'], ['create-container demo-web-1', 'start-container demo-web-1']],
  ['scale', ['db=2'], ['create-container demo-db-2', 'start-container demo-db-2']],
  ['down', ['db'], ['stop-container demo-db-1', 'stop-container demo-db-2', 'remove-container demo-db-1', 'remove-container demo-db-2']],
])('%s %j', async (verb, args, steps) => {
  const before = await state();
  const told = await asked(verb, ...args);
  expect(await state()).toEqual(before);
  expect(told.toSorted()).toEqual([...steps].sort());
  expect((await done(verb, ...args)).toSorted()).toEqual(told.toSorted());
});

it('verbs whose work is no plan\'s', async () => {
  expect((await own('up', '-d')).code).toBe(0);
  const before = await state();
  const target = join(machine.folder, 'copied');
  expect(await asked('cp', 'web:/bin/busybox', target)).toEqual(['copy-out demo-web-1:/bin/busybox']);
  expect(await asked('cp', file, 'web:/file')).toEqual(['copy-in demo-web-1:/file']);
  expect(await asked('export', '-o', target, 'web')).toEqual(['export-container demo-web-1']);
  expect(existsSync(target)).toBe(false);
  expect(await asked('commit', 'web', 'kept:1')).toEqual(['commit-container demo-web-1']);
  expect(await asked('exec', 'web', 'touch', '/x')).toEqual(['exec-container demo-web-1']);
  expect(await asked('attach', 'web')).toEqual(['attach-container demo-web-1']);
  expect(await asked('run', '--name', 'one', 'web', 'true')).toEqual(['create-container one', 'start-container one']);
  expect(await asked('pull', 'example.invalid/a:1')).toEqual(['pull-image example.invalid/a:1']);
  expect(await asked('push', 'example.invalid/a:1')).toEqual(['push-image example.invalid/a:1']);
  expect(await asked('wait', 'web')).toEqual(['wait-container demo-web-1']);
  expect(await asked('watch', '--no-up')).toEqual(['watch-files demo']);
  expect(await out('--dry-run', 'stop', 'web')).toContain('stop-container demo-web-1'); // before the verb too
  expect(await state()).toEqual(before);
  expect((await own('exec', 'web', 'test', '-e', '/x')).code).toBe(1);
});

it('run says what its dependencies want, rollback goes back, and down takes all', async () => {
  await out('stop', 'db', 'web');
  expect(await asked('run', '--name', 'one', 'web', 'true')).toEqual(['start-container demo-db-1', 'create-container one', 'start-container one']);
  expect((await own('up', '-d')).code).toBe(0);
  writeFileSync(file, stack(', user: "1"'));
  expect((await own('up', '-d')).code).toBe(0);
  const before = await state();
  const told = await asked('rollback');
  expect(told).toContain('create-container demo-web-1');
  expect(await state()).toEqual(before);
  expect((await done('rollback')).toSorted()).toEqual(told.toSorted());
  const all = await asked('down', '-v', '--rmi', 'all');
  expect(all).toEqual(expect.arrayContaining(['remove-container demo-web-1', 'remove-volume demo_data', 'remove-network demo_default', 'remove-image bayplan/hello']));
  expect((await asked('wait', '--down-project', 'db'))).toEqual(expect.arrayContaining(['remove-container demo-web-1', 'wait-container demo-db-1']));
  expect((await done('down', '-v', '--rmi', 'all')).toSorted()).toEqual(all.toSorted());
  expect(await asked('down')).toEqual(['nothing to do']);
});

it('refuses what the verb itself would refuse', async () => {
  expect(await own('stop', '--dry-run', 'web')).toMatchObject({ code: 1, stderr: 'bayplan: no such stack: demo\n' });
  expect(await own('rollback', '--dry-run')).toMatchObject({ code: 1, stderr: 'bayplan: no such stack: demo\n' });
});
