import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { bayplan, eventually, gather, Machine, type Outcome } from './harness.ts';
import { FakeRegistry } from './fake-registry.ts';
import { interrupted } from './interrupted.ts';

// An `up` that fails before it has changed anything: a new stack is forgotten, another one is what it was.
const machine = new Machine();
const registry = new FakeRegistry();
let absent = '';
beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await registry.open();
  absent = `${registry.host}/nothing:1`;
});
afterEach(async () => {
  registry.intercept = () => false;
  expect(await machine.down({ volumes: true, stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
});
afterAll(async () => {
  registry.close();
  await machine.dispose();
});

const stack = (web: string, more = ''): string => `
services:
  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["data:/data"], ${web} }
  tidy: { image: bayplan/hello, command: [sh, -c, "echo x >>/notes/runs"], volumes: ["notes:/notes"], x-bayplan: { schedule: "* * * * * *" } }
volumes: { data: , notes: ${more} }
`;
const nothingOfIt = async (): Promise<void> => {
  const { engine, paths } = machine;
  expect(engine.stacks()).toEqual([]);
  expect(existsSync(join(paths.stacks, 'demo'))).toBe(false);
  expect([[...engine.containers.list().keys()], [...engine.networks.list().values()].filter((one) => one.stack === 'demo'), [...engine.volumes.list().keys()]]).toEqual([[], [], []]);
  await expect(engine.stack('demo')).rejects.toThrow('no such stack: demo');
};
const revisions = async (): Promise<string[]> => (await machine.engine.stackHistory('demo')).map(({ revision, current }) => `${revision}${current ? '*' : ''}`);

it('a new stack is forgotten where its image is not to be had, its port is another\'s, or its volume is refused', async () => {
  expect(await machine.up(stack('labels: {}').replaceAll('bayplan/hello', absent))).toMatchObject({ ok: false, message: expect.stringContaining(`pull-image ${absent}: `) as string, done: [] });
  await nothingOfIt();
  expect((await machine.up(stack('pull_policy: never').replace('bayplan/hello', absent))).message).toContain('its pull_policy is "never"');
  await nothingOfIt();
  const holder = createServer();
  const port = await new Promise<number>((resolve) => holder.listen(0, '0.0.0.0', () => resolve((holder.address() as { port: number }).port)));
  expect((await machine.up(stack(`ports: ["${port}:80"]`))).message).toContain(`${port}`);
  holder.close();
  await nothingOfIt();
  expect((await machine.up(stack('labels: {}', '{ external: true }'))).message).toContain('notes');
  await nothingOfIt();
  expect(await machine.down()).toMatchObject({ ok: true, done: [] });
  expect(await machine.up(stack('labels: {}'))).toMatchObject({ ok: true });
  expect(await revisions()).toEqual(['1*']);
});

it('so it is where whoever asked for it leaves during the pull', async () => {
  const leaving = new AbortController();
  registry.intercept = () => {
    setTimeout(() => leaving.abort(), 50);
    return true; // never answered
  };
  const outcome = await gather((onEvent) => machine.engine.applyStack('demo', machine.request(stack('labels: {}').replaceAll('bayplan/hello', absent)), { wait: false }, onEvent, leaving.signal));
  expect(outcome).toMatchObject({ ok: false, message: expect.stringContaining('whoever asked for it has left') as string });
  await nothingOfIt();
});

it('and where the engine ended during the pull, and the next one cannot go on', async () => {
  const request = machine.request(stack('labels: {}').replaceAll('bayplan/hello', absent));
  await machine.close();
  registry.intercept = () => true;
  const asked = registry.seen.length;
  expect(await interrupted(machine, request, { when: () => registry.seen.length > asked && existsSync(join(machine.paths.run, 'passes/demo.json')) })).toMatchObject({ killed: true });
  expect(existsSync(join(machine.paths.stacks, 'demo/desired.json'))).toBe(true);
  registry.intercept = () => false;
  await machine.open();
  await eventually(nothingOfIt).catch((error: unknown) => { throw new Error(machine.reports.join('\n'), { cause: error }); });
  expect(machine.reports.splice(0).join('\n')).toContain('stack demo, going on with what was cut off: pull-image');
});

it('what two have asked for goes on with the next engine, though one of them has left', async () => {
  expect(await machine.up(stack('labels: {}'))).toMatchObject({ ok: true });
  const request = machine.request(stack('labels: {}').replace('bayplan/hello', absent));
  registry.intercept = () => true; // never answered
  const asked = registry.seen.length;
  const leaving = new AbortController();
  const both = [new AbortController().signal, leaving.signal].map((signal) => gather((onEvent) => machine.engine.applyStack('demo', request, { wait: false }, onEvent, signal)));
  await eventually(() => expect(registry.seen.length).toBeGreaterThan(asked));
  leaving.abort();
  await machine.close();
  for (const outcome of await Promise.all(both)) expect(outcome).toMatchObject({ ok: false, message: expect.stringContaining('the engine is stopping') as string });
  expect(existsSync(join(machine.paths.run, 'passes/demo.json'))).toBe(true);
  registry.intercept = () => false;
  await machine.open();
  await eventually(() => expect(machine.reports.splice(0).join('\n')).toContain('stack demo, going on with what was cut off: pull-image'));
});

it('who asks for the same just as another leaves has it stay, until it fails for all', async () => {
  expect(await machine.up(stack('labels: {}'))).toMatchObject({ ok: true });
  const request = machine.request(stack('labels: {}').replace('bayplan/hello', absent));
  registry.intercept = () => true; // never answered
  const ask = (signal: AbortSignal): Promise<Outcome> => gather((onEvent) => machine.engine.applyStack('demo', request, { wait: false }, onEvent, signal));
  const pulling = async (asked: number): Promise<void> => eventually(() => expect(registry.seen.length).toBeGreaterThan(asked));
  const [first, second] = [new AbortController(), new AbortController()];
  let asked = registry.seen.length;
  const before = ask(first.signal);
  await pulling(asked);
  asked = registry.seen.length;
  first.abort();
  const after = ask(second.signal);
  expect(await before).toMatchObject({ ok: false, message: expect.stringContaining('whoever asked for it has left') as string });
  await pulling(asked);
  expect(await revisions()).toEqual(['2*', '1']);
  second.abort();
  expect(await after).toMatchObject({ ok: false });
  expect(await revisions()).toEqual(['1*']);
});

it('what was made in part stays known: `up` goes on with it, `down` clears it up', async () => {
  const broken = stack('networks: [default, other]') + 'networks: { other: { driver: macvlan, driver_opts: { parent: nosuchlink0 } } }\n';
  const outcome = await machine.up(broken);
  expect(outcome).toMatchObject({ ok: false, message: expect.stringContaining('nosuchlink0') as string, done: expect.arrayContaining(['create-network demo_default']) as string[] });
  expect(await machine.engine.stack('demo')).toMatchObject({ revision: 1 });
  expect(await machine.up(stack('labels: {}'))).toMatchObject({ ok: true });
  expect(await revisions()).toEqual(['2*', '1']);
  expect((await machine.down()).done).toContain('remove-network demo_default');
});

it('a stack whose record is lost is not forgotten where it fails: what was made of it is there', async () => {
  expect(await machine.up(stack('labels: {}'))).toMatchObject({ ok: true });
  const pid = (): number | undefined => machine.engine.container('demo-web-1').status?.pid;
  const before = pid();
  await machine.close();
  rmSync(join(machine.paths.stacks, 'demo'), { recursive: true });
  await machine.open();
  expect(await machine.up(stack('labels: {}').replaceAll('bayplan/hello', absent))).toMatchObject({ ok: false, done: [] });
  expect(machine.engine.stacks().map(({ name }) => name)).toEqual(['demo']);
  expect(pid()).toBe(before);
});

it('a stack that there was is what it was: what runs, what comes back and what is put right', async () => {
  expect(await machine.up(stack('labels: { a: "1" }'))).toMatchObject({ ok: true });
  const { pid } = machine.engine.container('demo-web-1').status ?? {};
  const wrong = stack('labels: { a: "2" }').replace('image: bayplan/hello', `image: ${absent}`);
  for (let time = 0; time < 2; time++) expect(await machine.up(wrong)).toMatchObject({ ok: false, done: [] });
  expect(await machine.engine.stack('demo')).toMatchObject({ revision: 1, desired: { services: { web: { template: { image: 'bayplan/hello' } } } } });
  expect(await revisions()).toEqual(['1*']);
  expect((await machine.up(stack('labels: { a: "1" }'))).done).toEqual([]);
  await machine.close();
  await machine.cutPower();
  await machine.open();
  await eventually(() => expect(machine.engine.busy('demo')).toBe(false));
  expect(await machine.up(stack('labels: { a: "3" }'))).toMatchObject({ ok: true });
  expect(await revisions()).toEqual(['4*', '1']); // two were withdrawn
  const rolledBack: Outcome = await gather((onEvent) => machine.engine.rollbackStack('demo', { version: 1, revision: 1, from: null }, onEvent, new AbortController().signal));
  expect(rolledBack).toMatchObject({ ok: true });
  expect(machine.engine.container('demo-web-1').status?.pid).not.toBe(pid);
});

it('the command says why in one line, and exits with 1', async () => {
  const file = join(machine.folder, 'absent.yaml');
  writeFileSync(file, `name: absent\nservices: { web: { image: "${absent}", volumes: ["data:/data"] }, other: { image: "${absent}" } }\nvolumes: { data: }\n`);
  await machine.close();
  try {
    const why = new RegExp(`^failed: pull-image ${absent}: .*\\n$`);
    for (const more of [[], ['--progress', 'quiet'], ['--progress', 'plain']]) {
      const { code, stdout, stderr } = await bayplan(['--root', machine.root, '-f', file, 'up', '-d', ...more]);
      expect([code, stdout, stderr]).toEqual([1, expect.stringMatching(why), '']);
    }
    const json = await bayplan(['--root', machine.root, '-f', file, '--progress', 'json', 'up', '-d']);
    expect(JSON.parse(json.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ type: 'end', ok: false, revision: 0, message: expect.stringContaining(`pull-image ${absent}: `) as string });
    expect(json.code).toBe(1);
    expect(await bayplan(['--root', machine.root, 'ls', '-a', '-q'])).toMatchObject({ stdout: '' });
  } finally {
    await bayplan(['--root', machine.root, 'engine', 'stop']);
    await machine.open();
  }
});
