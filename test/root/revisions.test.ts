import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { KEPT_REVISIONS } from '../../src/engine/revisions.ts';
import type { StackRequest } from '../../src/state/messages.ts';
import type { Operation } from '../../src/state/operation.ts';
import { USUAL_PASS } from '../../src/state/pass-options.ts';
import { build, eventually, gather, Machine, type Outcome, top } from './harness.ts';

// What a stack was before can be had back, whole: its files, images and secrets included.
let machine: Machine;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
});
afterEach(() => machine.down({ stopTimeoutSeconds: 0 }));
afterAll(() => machine.dispose());

const stack = (text: string, more = ''): string => `
services:
  web: { image: bayplan/hello, init: true, command: [sh, -c, "echo ${text}; exec sleep 1000"], stop_signal: SIGKILL${more} }
  other: { image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL }
`;
const rollback = (revision: number | null = null): Promise<Outcome> => gather((onEvent) => machine.engine.rollbackStack('demo', { version: 1, revision, from: null }, onEvent, new AbortController().signal));
const apply = (request: StackRequest): Promise<Outcome> => gather((onEvent) => machine.engine.applyStack('demo', request, { wait: false }, onEvent, new AbortController().signal));
const history = async (): Promise<string[]> => (await machine.engine.stackHistory('demo')).map(({ revision, title, current, changes }) => `${revision}${current ? '*' : ''} ${title}: ${changes.join('; ')}`);

it('each state that is asked for is a revision, which can be compared and had back', async () => {
  for (const text of ['one', 'one', 'two', 'three']) expect(await machine.up(stack(text))).toMatchObject({ ok: true });
  const change = (from: string, to: string): string => `service web: command: ["sh","-c","echo ${from}; exec sleep 1000"] → ["sh","-c","echo ${to}; exec sleep 1000"]`;
  expect(await history()).toEqual([`3* up: ${change('two', 'three')}`, `2 up: ${change('one', 'two')}`, '1 up: ']);
  expect(await machine.engine.diffRevisions('demo', 1, 3)).toEqual([change('one', 'three')]);
  const { pid } = machine.engine.container('demo-other-1').status ?? {};
  expect(await rollback()).toMatchObject({ ok: true });
  expect(await machine.output('demo-web-1')).toBe('two\n');
  await machine.close();
  await machine.open(); // revisions are the next engine's too
  expect(await rollback(1)).toMatchObject({ ok: true });
  expect(await machine.output('demo-web-1')).toBe('one\n');
  expect(machine.engine.container('demo-other-1').status?.pid).toBe(pid);
  expect((await history()).map((line) => line.split(':')[0])).toEqual(['5* rollback to 1', '4 rollback to 2', '3 up', '2 up', '1 up']);
  await expect(rollback(9)).rejects.toThrow('stack demo has no revision 9; kept are 1, 2, 3, 4, 5');
});

it('only so many are kept', async () => {
  for (let at = 0; at < KEPT_REVISIONS + 3; at++) expect(await machine.up(stack('same', `, labels: { at: "${at}" }`))).toMatchObject({ ok: true });
  expect(await history()).toHaveLength(KEPT_REVISIONS + 1);
  expect(readdirSync(join(machine.paths.stacks, 'demo', 'revisions'))).toHaveLength(KEPT_REVISIONS);
  await machine.down({ stopTimeoutSeconds: 0 });
  expect(existsSync(join(machine.paths.stacks, 'demo'))).toBe(false);
});

it('images and secrets of before stay as long as a way back needs them', async () => {
  const secret = (path: string): string => `
services: { web: { image: "bayplan/hello:here", init: true, command: [sleep, "1000"], stop_signal: SIGKILL, secrets: [word] } }
secrets: { word: { file: ${path} } }
`;
  const file = join(machine.folder, 'word');
  const { engine } = machine;
  const first = engine.images.find('bayplan/hello');
  await engine.images.tag('bayplan/hello', 'bayplan/hello:here');
  writeFileSync(file, 'first');
  expect(await machine.up(secret(file))).toMatchObject({ ok: true });
  writeFileSync(file, 'second');
  expect(await machine.up(secret(file))).toMatchObject({ ok: true });
  expect((await engine.stackHistory('demo'))[0]?.changes).toEqual(['service web: secret demo_word changed']);
  // Another image takes the name; the one before has only the revisions left, in which nobody may remove it.
  await loadAnother('bayplan/hello:here');
  expect(engine.images.find('bayplan/hello:here')?.id).not.toBe(first?.id);
  expect(await apply({ ...machine.request(secret(file)), options: { ...USUAL_PASS, recreate: 'never' } })).toMatchObject({ ok: true, done: [] });
  expect(await engine.stackHistory('demo')).toHaveLength(2);
  expect((await machine.up(secret(file))).done).toContain('create-container demo-web-1');
  expect((await machine.up(secret(file))).done).toEqual([]);
  const renewed = expect.stringMatching(/^service web: image: bayplan\/hello:here was \w{12} and is \w{12} now$/);
  expect((await engine.stackHistory('demo')).map(({ revision, changes }) => [revision, changes])).toEqual([[3, [renewed]], [2, ['service web: secret demo_word changed']], [1, []]]);
  expect(await rollback()).toMatchObject({ ok: true });
  expect(engine.container('demo-web-1').spec.imageId).toBe(first?.id);
  expect(await machine.up(secret(file))).toMatchObject({ ok: true });
  expect(engine.container('demo-web-1').spec.imageId).not.toBe(first?.id);
  writeFileSync(file, 'third');
  expect(await machine.up(secret(file))).toMatchObject({ ok: true });
  expect((await engine.stackHistory('demo'))[0]?.changes).toEqual(['service web: secret demo_word changed']);
  expect(await engine.diffRevisions('demo', 1, 6)).toEqual([renewed, 'service web: secret demo_word changed']);
  await engine.images.tag('bayplan/hello:here', 'bayplan/hello');
  expect(await engine.images.prune(() => true)).toMatchObject({ deleted: [] });
  await expect(engine.images.remove(first?.id ?? '', false)).rejects.toThrow(/it is kept for a way back to revision \d of stack demo/);
  expect(await rollback(1)).toMatchObject({ ok: true });
  expect(engine.container('demo-web-1').spec.imageId).toBe(first?.id);
  expect((await machine.exec('demo-web-1', 'cat', '/run/secrets/word')).output).toBe('first');
});

it('--rollback-on-failure makes the whole stack what it was, or takes down what there was not', async () => {
  const failing = (text: string): StackRequest => ({ ...machine.request(stack(text).replace('[sleep, "1000"]', '[sh, -c, "exit 3"]')), onFailure: 'rollback' });
  const nothing = await apply(failing('first'));
  expect(nothing).toMatchObject({ ok: false });
  expect(nothing.message).toMatch(/demo-other-1 ended with code 3.*\nthere was no stack before: what was made of it is taken down again$/);
  expect([...machine.engine.containers.list().keys()]).toEqual([]);
  expect(await machine.up(stack('good'))).toMatchObject({ ok: true });
  const outcome = await apply(failing('bad'));
  expect(outcome).toMatchObject({ ok: false });
  expect(outcome.message).toMatch(/demo-other-1 ended with code 3.*\nstack demo is as in revision 1 again$/);
  expect(await machine.output('demo-web-1')).toBe('good\n');
  expect(machine.engine.container('demo-other-1').status?.phase).toBe('running');
  expect((await history()).map((line) => line.split(':')[0])).toEqual(['3* rollback to 1', '2 up', '1 up']);
  expect((await machine.up(stack('good'))).done).toEqual([]);
});

it.each<[string, () => Promise<unknown>]>([
  ['a person stops a container', () => machine.engine.stopContainer('demo-other-1', null, 0)],
  ['the machine goes down', async () => { await machine.shutDown(); await machine.open(); }],
])('--rollback-on-failure leaves a stack as it is where %s while it is waited for', async (_title, end) => {
  const starting = stack('first').replace('other: {', 'other: { healthcheck: { test: [CMD, "false"], interval: 60s, start_period: 60s },');
  const outcome = apply({ ...machine.request(starting), onFailure: 'rollback' });
  await eventually(() => expect(machine.engine.container('demo-other-1').status).toMatchObject({ phase: 'running', health: 'starting' }));
  await eventually(() => expect(machine.engine.busy('demo')).toBe(false));
  await end();
  expect(await outcome).toMatchObject({ ok: false, message: expect.stringMatching(/^cancelled: container demo-(other|web)-1 was stopped meanwhile$/) });
  await eventually(() => expect(machine.engine.container('demo-web-1').status?.phase).toBe('running'), 30_000);
  expect(machine.engine.container('demo-other-1').status?.phase).toMatch(/exited|running/);
  expect((await history()).map((line) => line.split(':')[0])).toEqual(['1* up']);
});

it.each<[string, (path: string) => void]>([['is damaged', (path) => { writeFileSync(path, '{'); }], ['is lost', (path) => { rmSync(dirname(path), { recursive: true }); }]])('--rollback-on-failure takes nothing down where there was a stack whose record %s', async (_title, spoil) => {
  expect(await machine.up(stack('good'))).toMatchObject({ ok: true });
  const { id, pid } = machine.engine.container('demo-web-1').status ?? {};
  await machine.close();
  spoil(join(machine.paths.stacks, 'demo/desired.json'));
  await machine.open();
  const request = machine.request(stack('good').replace('[sleep, "1000"]', '[sh, -c, "exit 3"]'));
  const outcome = await apply({ ...request, onFailure: 'rollback' });
  expect(outcome.message).toMatch(/demo-other-1 ended with code 3.*\nstack demo stays as it is now: containers or records of it were there, and what was desired then is not known$/);
  expect(machine.engine.container('demo-web-1').status).toMatchObject({ phase: 'running', id, pid });
});

it('failure_action rollback takes one service back, the others stay', async () => {
  const updated = (text: string, command: string): string => stack(text).replace('[sleep, "1000"]', command).replace('other: {', 'other: { deploy: { replicas: 2, update_config: { failure_action: rollback } }, healthcheck: { test: [CMD, "true"], interval: 100ms },');
  expect(await machine.up(updated('one', '[sleep, "1000"]'), { wait: true })).toMatchObject({ ok: true });
  const pids = ['demo-other-1', 'demo-other-2'].map((name) => machine.engine.container(name).status?.pid);
  const outcome = await machine.up(updated('two', '["false"]'));
  expect(outcome.message).toMatch(/^the update of service other goes no further: 1 of 2 new containers failed .*\nservice other is as in revision 1 again$/);
  expect(['demo-other-1', 'demo-other-2'].map((name) => machine.engine.container(name).status?.pid)).toEqual(pids);
  expect([...machine.engine.containers.list().keys()].sort()).toEqual(['demo-other-1', 'demo-other-2', 'demo-web-1']);
  expect(await machine.output('demo-web-1')).toBe('two\n');
});

it('a service whose new container ends shortly after a quick update goes back too, without anybody waiting for that', async () => {
  const updated = (command: string): string => `services: { web: { image: bayplan/hello, init: true, command: ${command}, stop_signal: SIGKILL, deploy: { update_config: { failure_action: rollback, order: start-first } } } }\n`;
  expect(await machine.up(updated('[sleep, "1000"]'))).toMatchObject({ ok: true });
  expect(await machine.up(updated('[sh, -c, "sleep 3"]'))).toMatchObject({ ok: true }); // well for a second
  await eventually(async () => expect((await history()).map((line) => line.split(':')[0])).toEqual(['3* rollback to 1', '2 up', '1 up']));
  await eventually(() => expect(machine.engine.container('demo-web-1')).toMatchObject({ spec: { command: ['sleep', '1000'] }, status: { phase: 'running' } }));
  await eventually(() => expect(machine.reports.splice(0).join('\n')).toMatch(/stack demo: the update of service web has failed after its end \(container demo-web-1 ended with code 0; see its logs\): service web is as in revision 1 again/));
  expect(await machine.engine.stackHistory('demo')).toMatchObject([{ title: 'rollback to 1', why: 'container demo-web-1 ended with code 0; see its logs' }, { title: 'up' }, { title: 'up' }]);
  expect(machine.engine.events.past().filter(({ action, attributes }) => action === 'rollback' && attributes['name'] === 'demo-web-1')).toMatchObject([{ type: 'container', attributes: { 'com.docker.compose.project': 'demo', revision: '1', why: 'container demo-web-1 ended with code 0; see its logs' } }]);
  expect(await machine.up(updated('[sh, -c, "sleep 1000; exit 1"]'))).toMatchObject({ ok: true });
  const stop: Operation = { version: 1, verb: 'stop', services: ['web'], timeoutSeconds: null, signal: 'SIGKILL', dependencies: true, wait: false, stop: false, oneOffs: false, volumes: 'none', from: null };
  expect(await gather((onEvent) => machine.engine.operate('demo', stop, onEvent, new AbortController().signal))).toMatchObject({ ok: true }); // a person's stop is no failure
  expect((await history()).map((line) => line.split(':')[0])).toEqual(['4* up', '3 rollback to 1', '2 up', '1 up']);
  expect(await machine.up(updated('[sh, -c, "sleep 1000; true"]'))).toMatchObject({ ok: true });
  await machine.engine.stopContainer('demo-web-1', 'SIGKILL', 0); // nor is one by the API
  await machine.close(); // once all that came of it is done
  await machine.open();
  expect((await history()).map((line) => line.split(':')[0]).slice(0, 3)).toEqual(['5* up', '4 up', '3 rollback to 1']);
});

it('a way back goes as rollback_config says', async () => {
  const updated = (text: string): string => stack(text).replace('web: {', 'web: { deploy: { replicas: 2, rollback_config: { parallelism: 0, order: start-first, monitor: 50ms } },');
  for (const text of ['one', 'two']) expect(await machine.up(updated(text))).toMatchObject({ ok: true });
  const { ok, done } = await rollback();
  expect(ok).toBe(true);
  expect(done.filter((id) => id.endsWith('steady'))).toHaveLength(2);
  for (const name of ['demo-web-1', 'demo-web-2']) expect(done.indexOf(`stop-container ${name}`)).toBeGreaterThan(done.indexOf(`wait-container ${name}.g3 steady`));
});

/** Loads another image below a name: the layer of `bayplan/hello`, and another config. */
async function loadAnother(name: string): Promise<void> {
  const folder = join(machine.folder, 'another');
  mkdirSync(folder);
  execFileSync('tar', ['-xf', join(build, 'images/hello.tar'), '-C', folder]);
  const [{ Layers: [layer = ''] }]: [{ readonly Layers: readonly string[] }] = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
  const image = { names: [name], config: { Env: ['PATH=/bin'], Cmd: ['sh'], Labels: { version: '2' } }, layers: [{ file: join(folder, layer), diffId: `sha256:${dirname(layer)}` }] };
  const script = `import { writeArchive } from ${JSON.stringify(join(top, 'test/images/archive.mjs'))}; writeArchive([${JSON.stringify(image)}], ${JSON.stringify(`${folder}.tar`)}, '2024-01-02T00:00:00Z');`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script]);
  await machine.engine.images.load(createReadStream(`${folder}.tar`));
}
