import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { ContainerStore } from '../../src/runtime/container/container-store.ts';
import { DEFAULT_NETWORK_SPEC } from '../../src/state/network.ts';
import type { Operation } from '../../src/state/operation.ts';
import { type Desired, emptyState } from '../../src/state/state.ts';
import { spec } from '../plan/states.ts';
import { attachment } from '../spec-values.ts';
import { eventually, gather, type Outcome } from './harness.ts';
import { interrupted } from './interrupted.ts';
import { machineForAll } from './machine-of-tests.ts';

// What a boot leaves: no process, nothing below the run folder, and the root folder as it was.
const machine = machineForAll({ downAfterEach: true });

const STACK = `
services:
  db: { image: bayplan/hello, command: [sh, -c, "echo db >>/notes/order; sleep 0.5; touch /ready/now; sleep 1000"], stop_signal: SIGKILL, tmpfs: [/ready], volumes: ["notes:/notes"], healthcheck: { test: [CMD, test, -e, /ready/now], interval: 100ms, retries: 1000 } }
  migrate: { image: bayplan/hello, command: [sh, -c, "echo migrate >>/notes/order"], volumes: ["notes:/notes"], depends_on: { db: { condition: service_healthy } } }
  app: { image: bayplan/hello, command: [sh, -c, "echo app >>/notes/order; sleep 1000"], restart: always, stop_signal: SIGKILL, volumes: ["notes:/notes"], depends_on: { db: { condition: service_healthy }, migrate: { condition: service_completed_successfully } } }
  held: { image: bayplan/hello, command: [sleep, "1000"], restart: always, stop_signal: SIGKILL }
  failed: { image: bayplan/hello, command: [sh, -c, "exit 3"] }
volumes: { notes: }
`;
const order = (): readonly string[] => readFileSync(join(machine.paths.volumes, 'demo_notes/_data/order'), 'utf8').trim().split('\n');
const phases = (): Record<string, string> => Object.fromEntries([...machine.engine.containers.list()].map(([name, { status }]) => [name.slice(5, -2), status?.phase ?? '']));
const settled = async (): Promise<void> => await eventually(() => expect(machine.engine.busy('demo')).toBe(false), 30_000);

it('stacks come back in the order of their dependencies, healthy before who needs that; what is held, has done its work or has failed stays', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await gather((onEvent) => machine.engine.operate('demo', { version: 1, verb: 'stop', services: ['held'], timeoutSeconds: null, signal: 'SIGKILL', dependencies: true, wait: false, stop: false, oneOffs: false, volumes: 'none', from: null }, onEvent, new AbortController().signal));
  await eventually(() => expect(phases()).toEqual({ db: 'running', app: 'running', migrate: 'exited', held: 'exited', failed: 'exited' }));
  expect(order()).toEqual(['db', 'migrate', 'app']);
  await machine.close();
  await machine.cutPower();
  await machine.open();
  await settled();
  await eventually(() => expect(phases()).toEqual({ db: 'running', app: 'running', migrate: 'exited', held: expect.stringMatching(/exited|lost/), failed: 'exited' }));
  expect(machine.engine.container('demo-held-1').status?.held).toBe(true);
  await eventually(() => expect(order()).toEqual(['db', 'migrate', 'app', 'db', 'app'])); // a shell that runs may not have written yet
  const [db, app] = ['db', 'app'].map((name) => machine.engine.container(`demo-${name}-1`).status);
  expect((app?.startedAt ?? 0) - (db?.startedAt ?? 0)).toBeGreaterThanOrEqual(500); // it was healthy first
  expect((await machine.engine.stackHistory('demo')).map(({ revision }) => revision)).toEqual([1]);
});

it('who depends on a success starts once that is on the disk', async () => {
  const order: string[] = [];
  const flush = vi.spyOn(machine.engine.containers, 'flush').mockImplementation(async function flushed() {
    const ended = machine.engine.containers.get('demo-migrate-1')?.status?.phase === 'exited';
    await new Promise((resolve) => setTimeout(resolve, 100)); // who does not wait for it is before it
    await ContainerStore.prototype.flush.call(machine.engine.containers);
    if (ended) order.push('on the disk');
  });
  const off = machine.engine.containers.onEvent((event, name) => {
    if ((event === 'exited' && name === 'demo-migrate-1') || (event === 'started' && name === 'demo-app-1')) order.push(`${name} ${event}`);
  });
  try {
    expect(await machine.up(STACK)).toMatchObject({ ok: true });
    expect(order.slice(0, 3)).toEqual(['demo-migrate-1 exited', 'on the disk', 'demo-app-1 started']);
  } finally {
    off();
    flush.mockRestore();
  }
});

it('an up, an update and a down that the end of an engine cut off go on with the next one', async () => {
  const update = STACK.replace('echo app', 'echo other');
  for (const [text, atEvent, last] of [[STACK, 7, 'app'], [update, 4, 'other']] as const) {
    const request = machine.request(text);
    await machine.close();
    expect(await interrupted(machine, request, { atEvent })).toMatchObject({ killed: true });
    await machine.open();
    await settled();
    await eventually(() => expect(phases()).toEqual({ db: 'running', app: 'running', migrate: 'exited', held: 'running', failed: 'exited' }));
    await eventually(() => expect(order().at(-1)).toBe(last));
    expect((await machine.up(text)).done.filter((step) => !step.includes('failed'))).toEqual([]); // what has failed is tried again by whoever asks
    expect(existsSync(join(machine.paths.run, 'passes/demo.json'))).toBe(false);
  }
  await machine.close();
  expect(await interrupted(machine, null, { atEvent: 3 })).toMatchObject({ killed: true });
  await machine.open();
  await settled();
  await eventually(() => expect([phases(), machine.engine.stacks()]).toEqual([{}, []]));
});

it('an engine that ends each time it goes on with something is brought to it three times, and says so', async () => {
  const request = machine.request(STACK);
  await machine.close();
  await interrupted(machine, request, { atEvent: 4 });
  const mark = join(machine.paths.run, 'passes/demo.json');
  writeFileSync(mark, JSON.stringify({ ...JSON.parse(readFileSync(mark, 'utf8')), tries: 3 }));
  await machine.open();
  expect(machine.reports).toContain('stack demo: 3 engines have ended while they made revision 1 of it; it is left as it is: run up again');
  expect([machine.engine.busy('demo'), existsSync(mark)]).toEqual([false, false]);
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
});

it('an update and a down that the power cut off go on', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await machine.close();
  const request = machine.request(STACK.replace('echo app', 'echo other'));
  await interrupted(machine, request, { atEvent: 3 });
  await machine.cutPower();
  await machine.open();
  await settled();
  await eventually(() => expect(order().at(-1)).toBe('other'));
  await machine.close();
  await interrupted(machine, null, { atEvent: 3 });
  await machine.cutPower();
  await machine.open();
  await settled();
  await eventually(() => expect([machine.engine.stacks(), [...machine.engine.containers.list().keys()]]).toEqual([[], []]));
  expect(order().at(-1)).toBe('other'); // a volume's data is nobody's to take
});

const operate = async (more: Pick<Operation, 'verb' | 'services' | 'stop'>): Promise<Outcome> =>
  await gather((onEvent) => machine.engine.operate('demo', { version: 1, timeoutSeconds: null, signal: 'SIGKILL', dependencies: true, wait: false, oneOffs: false, volumes: 'none', from: null, ...more }, onEvent, new AbortController().signal));

it('of several replicas the one that a person has stopped stays so and the one that was removed stays away, until up; the others come back, and who depends on them', async () => {
  const stack = `
services:
  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, scale: 3, healthcheck: { test: [CMD, "true"], interval: 100ms } }
  app: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { web: { condition: service_healthy } } }
`;
  const found = (): Record<string, string> => Object.fromEntries([...machine.engine.containers.list()].map(([name, { status }]) => [name, status?.held === true ? 'held' : status?.phase ?? '']));
  expect(await machine.up(stack)).toMatchObject({ ok: true });
  await machine.engine.stopContainer('demo-web-1', null, 0);
  await machine.engine.removeContainer('demo-web-2', {});
  const left = { 'demo-app-1': 'running', 'demo-web-1': 'held', 'demo-web-3': 'running' };
  expect(found()).toEqual(left);
  expect((await machine.engine.stackDrift('demo')).map(({ name, state, removed }) => [name, state, removed])).toEqual([['demo-web-1', 'held', undefined], ['demo-web-2', 'held', true]]);
  await machine.close();
  await machine.cutPower();
  await machine.open();
  await settled();
  await eventually(() => expect(found()).toEqual(left));
  expect((await machine.engine.stackHistory('demo')).map(({ revision, title }) => [revision, title])).toEqual([[2, 'rm'], [1, 'up']]);
  expect(await machine.engine.diffRevisions('demo', 1, 2)).toEqual(['service web: vacant: absent → [2]']);
  expect((await machine.up(stack)).done).toEqual(expect.arrayContaining(['create-container demo-web-2', 'start-container demo-web-1']));
  expect(found()).toEqual({ 'demo-app-1': 'running', 'demo-web-1': 'running', 'demo-web-2': 'running', 'demo-web-3': 'running' });
});

it('a stack that desires no service any more is there after the boot, with its revisions and its volume', async () => {
  expect(await machine.up('services: { app: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["notes:/notes"] } }\nvolumes: { notes: }\n')).toMatchObject({ ok: true });
  expect(await operate({ verb: 'remove', services: ['app'], stop: true })).toMatchObject({ ok: true });
  const before = machine.engine.stackHistory('demo');
  expect((await before).map(({ revision, title }) => [revision, title])).toEqual([[2, 'rm'], [1, 'up']]);
  await machine.close(); // nothing runs that would keep the run folder: the next engine is the first again
  await machine.open();
  await settled();
  expect(machine.engine.stacks()).toMatchObject([{ name: 'demo', revision: 2 }]);
  expect(await machine.engine.stackHistory('demo')).toEqual(await before);
  expect(machine.engine.volumes.list().get('demo_notes')?.stack).toBe('demo');
  expect([...machine.engine.containers.list()]).toEqual([]);
});

it('containers of no stack come back as their restart policies say, the links of their networks with them', async () => {
  await machine.engine.createNetwork('lone', { ...DEFAULT_NETWORK_SPEC });
  const desired: Desired = {
    ...emptyState(''), inactive: [], unstarted: [], remove: { orphans: false, volumes: false }, stopTimeoutSeconds: null, drift: 'heal', notes: [],
    containers: { lone: { identity: { owner: 'api', stack: '', service: '', slot: 0, generation: 1 }, status: null, spec: spec({ command: ['sleep', '1000'], stopSignal: 'SIGKILL', restart: { policy: 'always', maxRetries: 0, delayMs: null, windowMs: null }, networks: { lone: attachment() } }) } },
    networks: { lone: { stack: '', spec: { ...DEFAULT_NETWORK_SPEC, external: true }, status: null } },
    images: { 'bayplan/hello': { spec: { pullPolicy: 'never', refreshMs: 0 }, status: null, pulledAt: 0 } },
  };
  await machine.engine.createContainer(desired);
  try {
    await machine.engine.startContainer('lone');
    const reaches = async (): Promise<void> => {
      const { code } = await machine.exec('lone', 'ping', '-c', '1', '-W', '2', machine.engine.networks.gateway('lone') ?? '');
      expect(code).toBe(0);
    };
    await reaches();
    for (const end of [async (): Promise<void> => { await machine.close(); await machine.cutPower(); }, async (): Promise<void> => { await machine.shutDown(); }]) {
      await end();
      await machine.open();
      await eventually(() => expect(machine.engine.container('lone').status?.phase).toBe('running'));
      await reaches();
    }
  } finally {
    await machine.engine.removeContainer('lone', {});
    await machine.engine.removeNetwork('lone');
  }
});

it('where what is to come back cannot be planned, that is told, and each container does as its restart policy says', async () => {
  await machine.engine.createVolume('kept', { driver: 'local', external: false, driverOpts: {}, labels: {} });
  const service = (more: string): string => `{ image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, ${more} }`;
  expect(await machine.up(`services:\n  user: ${service('volumes: ["kept:/kept"]')}\n  always: ${service('restart: always')}\n  once: ${service('restart: "no"')}\nvolumes: { kept: { external: true } }\n`)).toMatchObject({ ok: true });
  await machine.close();
  await machine.cutPower();
  const path = join(machine.paths.volumes, 'kept/volume.json');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.slice(0, 20));
  try {
    machine.reports.splice(0);
    await machine.open();
    await eventually(() => expect(phases()).toEqual({ user: 'lost', always: 'running', once: 'lost' }));
    expect(machine.reports.filter((line) => line.startsWith('stack demo, after the boot: '))).toEqual([expect.stringContaining('kept')]);
    await machine.close();
  } finally {
    writeFileSync(path, text);
  }
  await machine.open();
  expect(await machine.down({ stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
  await machine.engine.removeVolume('kept', false);
});
