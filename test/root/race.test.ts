import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { EngineClient } from '../../src/client/engine-client.ts';
import type { PassEvent, StackAnswer } from '../../src/state/messages.ts';
import { bayplan, eventually, Machine } from './harness.ts';
import { leftovers } from './leftovers.ts';

// Two people at once, and twenty: each has a file of the project of its own, and all mean the same stack.
const machine = new Machine();
const client = new EngineClient(machine.root, null);
const CLIENTS = 20;

const stack = (who: number): string => `
services:
  web: { image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL, labels: { who: "${who}" }, deploy: { replicas: ${1 + (who % 3)} } }
  ${who % 2 === 0 ? 'even' : 'odd'}: { image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL, labels: { who: "${who}" }, volumes: ["data:/data"] }
volumes: { data: }
`;
const folder = (name: string): string => {
  mkdirSync(join(machine.folder, name), { recursive: true });
  return join(machine.folder, name);
};
const own = (args: readonly string[], cwd: string): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, ...args], { cwd });

interface Client { readonly command: string; readonly who: number; readonly code: number; readonly ok: boolean; readonly revision: number; readonly told: string }

/** Runs all at once. */
async function race(commands: readonly (readonly string[])[]): Promise<readonly Client[]> {
  const at = folder('project');
  return await Promise.all(commands.map(async ([command = '', ...rest], who): Promise<Client> => {
    writeFileSync(join(at, `${who}.yaml`), stack(who));
    const { code, stdout, stderr } = await own([command, '-f', `${who}.yaml`, '-p', 'race', '--progress', 'json', ...rest], at);
    const lines = stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as PassEvent);
    const end = lines.at(-1);
    if (end?.type !== 'end') throw new Error(`${command} of ${who} ended with ${code} and without an end:\n${stdout}${stderr}`);
    return { command, who, code, ok: end.ok, revision: end.revision, told: end.message + stderr };
  }));
}

/** It was done; or somebody came later, or before, and it says so. */
function endsClearly({ command, who, code, ok, told }: Client): void {
  expect({ command, who, code, told }).toMatchObject(ok ? { code: 0, told: '' } : {
    code: 1, told: expect.stringMatching(/^(cancelled: a later (up|down) of this stack took over|stack race: it is at revision \d+, this change was made from \d+: somebody else has changed it meanwhile; run the command again)$/),
  });
}

/** What there is, is what the stack's latest revision says, and one of these has asked for it. */
async function isAsAsked(clients: readonly Client[]): Promise<StackAnswer> {
  const { revision, desired } = await client.stack('race');
  const services = desired?.services ?? {};
  const wanted = Object.entries(services).flatMap(([service, { replicas }]) => Array.from({ length: replicas }, (_, index) => `/race-${service}-${index + 1}`)).sort();
  const containers = await client.containers('race', true);
  expect(containers.map(({ Names, State }) => [Names[0], State]).sort()).toEqual(wanted.map((name) => [name, 'running']));
  for (const { Labels, Bayplan } of containers) expect([Bayplan.service, Labels['who']]).toEqual([Bayplan.service, services[Bayplan.service]?.template.labels['who']]);
  const asked = clients.filter((each) => each.ok && each.revision === revision).map(({ who }) => String(who));
  expect(asked).toContain(services['web']?.template.labels['who']);
  return await client.stack('race');
}

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
  expect(await own(['ls'], machine.folder)).toMatchObject({ code: 0 }); // one engine for all
});
afterEach(async () => {
  expect(await own(['down', '-v', '-p', 'race'], machine.folder)).toMatchObject({ code: 0 });
  await eventually(() => expect(leftovers(machine.paths)).toEqual([]));
});
afterAll(async () => {
  await own(['engine', 'stop'], machine.folder);
  await machine.dispose();
});

it('twenty at once: each ends with a clear word, and the last revision that was accepted is what there is', async () => {
  const clients = await race(Array.from({ length: CLIENTS }, (_, who) => (who % 4 === 3 ? ['scale', `web=${1 + (who % 5)}`] : ['up', '-d', '--remove-orphans'])));
  clients.forEach(endsClearly);
  const { revision } = await isAsAsked(clients);
  expect(revision).toBe(Math.max(...clients.map((each) => each.revision)));
  expect(clients.filter(({ ok }) => ok).length).toBeGreaterThan(0);
});

it('twenty at once, and some of them take it down', async () => {
  const clients = await race(Array.from({ length: CLIENTS }, (_, who) => (who % 5 === 3 ? ['down', '-v', '--remove-orphans'] : ['up', '-d', '--remove-orphans'])));
  clients.forEach(endsClearly);
  if ((await client.stacks()).some(({ name }) => name === 'race')) await isAsAsked(clients);
  else expect([await client.containers('race', true), clients.some(({ command, ok }) => command === 'down' && ok)]).toEqual([[], true]);
});

it('those that ask for the same join: all end well, see what is done, and it is done once', async () => {
  const at = folder('same');
  writeFileSync(join(at, 'compose.yaml'), stack(1));
  const since = String(Date.now() / 1000);
  const ended = await Promise.all(Array.from({ length: CLIENTS / 2 }, () => own(['-p', 'race', 'up', '-d'], at)));
  expect(ended.filter(({ code, stdout }) => code !== 0 || !/^(start-container race-web-1 .*|nothing to do)$/m.test(stdout))).toEqual([]);
  expect(await client.stack('race')).toMatchObject({ revision: 1 });
  const events = (await own(['-p', 'race', 'events', '--json', '--since', since, '--until', String(Date.now() / 1000)], at)).stdout;
  expect(events.split('\n').filter((line) => line.includes('"create"') && line.includes('race-web-1'))).toHaveLength(1);
});

it('down does not wait for an up that waits', async () => {
  const at = folder('waits');
  writeFileSync(join(at, 'compose.yaml'), `
services:
  never: { image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD, "false"], interval: 1h, start_period: 1h } }
  after: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { never: { condition: service_healthy } } }
`);
  const up = own(['-p', 'race', 'up', '-d'], at);
  await eventually(async () => expect((await client.containers('race', false)).length).toBe(1));
  expect(await own(['-p', 'race', 'down'], at)).toMatchObject({ code: 0 });
  const { code, stdout } = await up;
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^bayplan: cancelled: a later down of this stack took over$/m)]);
  expect(await client.containers('race', true)).toEqual([]);
});

it('a scale that takes over from an up makes what that one has left undone', async () => {
  const at = folder('left');
  writeFileSync(join(at, 'compose.yaml'), `
services:
  slow: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD, test, -e, /ready], interval: 100ms, retries: 10000 } }
  after: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { slow: { condition: service_healthy } } }
  beside: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL }
`);
  const up = own(['-p', 'race', 'up', '-d'], at);
  await eventually(async () => expect((await client.containers('race', false)).length).toBe(2));
  const scaled = own(['-p', 'race', 'scale', 'beside=2'], at);
  expect(await up).toMatchObject({ code: 1, stdout: expect.stringContaining('cancelled: a later up of this stack took over') });
  expect(await own(['-p', 'race', 'exec', '-T', 'slow', 'touch', '/ready'], at)).toMatchObject({ code: 0 });
  expect(await scaled).toMatchObject({ code: 0, stdout: expect.stringContaining('start-container race-after-1') });
  expect((await client.containers('race', false)).map(({ Names }) => Names[0]).sort()).toEqual(['/race-after-1', '/race-beside-1', '/race-beside-2', '/race-slow-1']);
});

it('a stack of the same name from another folder is refused, unless it is said to be meant', async () => {
  const [one, other] = [folder('one'), folder('other')];
  for (const [at, who] of [[one, 2], [other, 4]] as const) writeFileSync(join(at, 'compose.yaml'), `name: race\n${stack(who)}`);
  expect(await own(['up', '-d'], one)).toMatchObject({ code: 0 });
  const before = await client.containers('race', true);
  const refusal = `bayplan: stack race was brought up from ${one}, not from ${other}: \`-p race\` says that it is meant all the same; nothing was changed\n`;
  for (const command of [['up', '-d'], ['up', '-d', 'web'], ['create'], ['scale', 'web=2'], ['plan']]) expect([command, await own(command, other)]).toEqual([command, { code: 1, stdout: '', stderr: refusal }]);
  expect((await client.containers('race', true)).map(({ Id }) => Id)).toEqual(before.map(({ Id }) => Id));
  expect(await own(['-p', 'race', 'up', '-d'], other)).toMatchObject({ code: 0, stdout: expect.stringContaining(`note: stack race was last brought up from ${one}\n`) });
  expect((await own(['up', '-d'], one)).stderr).toContain(`was brought up from ${other}, not from ${one}`);
});
