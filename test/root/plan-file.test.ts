import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { bayplan, Machine } from './harness.ts';
import { leftovers } from './leftovers.ts';

// Plans that are kept and carried out later, and what only looks.
const machine = new Machine();
const file = join(machine.folder, 'compose.yaml');
const kept = join(machine.folder, 'kept.plan');
const stack = (command: string): string => `
name: demo
services:
  a: {image: bayplan/hello, command: [sleep, "${command}"], stop_signal: SIGKILL, secrets: [word], volumes: ["data:/data"], ports: ["127.0.0.1::80"]}
  b: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL}
volumes: {data: }
secrets: {word: {environment: WORD}}
`;
const own = (args: readonly string[], word = 'hush-1'): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, ...args], { cwd: machine.folder, env: { WORD: word } });

/** Every file below the root folder as it is, but the log that the engine writes for itself. */
function files(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs, ino, mode } = statSync(path);
    return entry.isFile() ? [[path, `${ino} ${mtimeMs} ${mode} ${readFileSync(path).toString('base64').slice(0, 4096)}`]] : [[path, `${ino} ${mode}`]];
  }));
}

/** What is on the machine, but links: the kernel takes those of a container that has gone away in its own time. */
const lasting = (): readonly string[] => leftovers(machine.paths).filter((line) => !line.startsWith('link '));

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
});
beforeEach(() => writeFileSync(file, stack('1000')));
afterEach(async () => expect((await own(['down', '-v'])).code).toBe(0));
afterAll(async () => {
  await own(['engine', 'stop']);
  await machine.dispose();
});

it('a kept plan is carried out as it stands, whatever the file says by then', async () => {
  writeFileSync(kept, 'what was there before', { mode: 0o644 });
  const planned = await own(['plan', '-o', 'kept.plan']);
  expect([planned.code, planned.stderr]).toEqual([2, '']);
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  const text = readFileSync(kept, 'utf8');
  expect(JSON.parse(text)).toMatchObject({ kind: 'bayplan-plan', version: 3, stack: 'demo', revision: 0, plan: { steps: expect.arrayContaining([expect.objectContaining({ id: 'start-container demo-a-1' })]) } });
  expect(text).not.toMatch(/hush|aHVzaC/); // what the secret holds, plain and in base64
  writeFileSync(file, stack('2000'));
  const applied = await own(['apply', 'kept.plan', '--progress', 'plain']);
  expect([applied.code, applied.stderr]).toEqual([0, '']);
  for (const { id } of JSON.parse(text).plan.steps) expect(applied.stdout).toContain(id);
  expect((await own(['exec', '-T', 'a', 'sh', '-c', 'cat /run/secrets/word; tr "\\0" " " < /proc/1/cmdline'])).stdout).toBe('hush-1sleep 1000 ');
});

it.each([
  ['a later up', async () => expect((await own(['up', '-d', 'b'])).code).toBe(0), /it was changed \(revision 1 then, 2 now\) since the plan was made; nothing was changed: make the plan anew/],
  ['another value of a secret', async () => Promise.resolve(), /its containers, or what a config or secret holds, have changed since the plan was made/],
  ['a container removed by hand', async () => expect((await own(['rm', '-f', '-s', 'b'])).code).toBe(0), /changed .*since the plan was made/],
])('is refused after %s', async (what, change, message) => {
  expect((await own(['up', '-d'])).code).toBe(0);
  writeFileSync(file, stack('2000'));
  expect((await own(['plan', '-o', kept])).code).toBe(2);
  if (what === 'a later up') writeFileSync(file, stack('3000').replace('"1000"', '"1001"'));
  await change();
  const before = lasting();
  const applied = await own(['apply', kept], what === 'another value of a secret' ? 'hush-2' : 'hush-1');
  expect([applied.code, applied.stdout]).toEqual([1, '']);
  expect(applied.stderr).toMatch(message);
  expect(lasting()).toEqual(before);
});

it.each([
  ['nothing there', null, /cannot read .*ENOENT/],
  ['no JSON', 'services:', /is no plan: it is not JSON/],
  ['another JSON', '{"version": 1}', /is no plan; make one with/],
  ['a newer one', '{"kind": "bayplan-plan", "version": 4}', /is a plan of version 4, and this program knows version 3: use a newer bayplan, or make the plan anew\n$/],
  ['an earlier one', '{"kind": "bayplan-plan", "version": 1}', /is a plan of version 1, and this program knows version 3: make the plan anew\n$/],
  ['a damaged one', '{"kind": "bayplan-plan", "version": 3, "stack": 3}', /is a damaged plan: .*; make it anew/],
])('what is no plan is refused: %s', async (_what, text, message) => {
  if (text !== null) writeFileSync(kept, text);
  const { code, stderr } = await own(['apply', text === null ? 'nosuch' : kept]);
  expect([code, stderr.trim().split('\n').length]).toEqual([1, 1]);
  expect(stderr).toMatch(message);
});

it.each([
  ['where nothing is', false, ['up', '--dry-run']],
  ['over a stack that would be changed', true, ['up', '-d', '--dry-run', '--force-recreate', '--scale', 'b=3']],
  ['of create', true, ['create', '--dry-run']],
  ['of plan', true, ['plan']],
])('a dry run changes nothing %s', async (_where, running, args) => {
  if (running) expect((await own(['up', '-d'])).code).toBe(0);
  else expect((await own(['ls'])).code).toBe(0); // the engine runs
  writeFileSync(file, stack('2000'));
  const look = (): unknown => [leftovers(machine.paths), files(machine.root), existsSync(machine.paths.run) ? readdirSync(machine.paths.run).toSorted() : []];
  const before = look();
  const { code, stdout, stderr } = await own(args, 'hush-2');
  expect([code, stderr]).toEqual([args[0] === 'plan' ? 2 : 0, '']);
  expect(stdout).toMatch(running ? /create-container demo-a-1 {2}\(/ : /create-network demo_default/);
  expect(look()).toEqual(before);
});
