import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ContainerStatus } from '../../src/state/container.ts';
import { eventually } from './harness.ts';
import { leftovers } from './leftovers.ts';
import { machineForAll } from './machine-of-tests.ts';

// The machine goes down as it should: all is stopped in order, with time to end well, and comes back with the next boot.
const machine = machineForAll({ downAfterEach: true });

/** Ends as a server does that is told to: some with 0. */
const server = (name: string, code: number): string => `[sh, -c, "trap 'sleep 0.2; echo ${name} ended >>/notes/order; exit ${code}' TERM; echo ${name} >>/notes/order; touch /ready; while :; do sleep 0.05; done"]`;
const STACK = `
services:
  db: { image: bayplan/hello, command: ${server('db', 0)}, volumes: ["notes:/notes"], healthcheck: { test: [CMD, test, -e, /ready], interval: 100ms, retries: 1000 } }
  migrate: { image: bayplan/hello, command: [sh, -c, "echo migrate >>/notes/order"], volumes: ["notes:/notes"], depends_on: { db: { condition: service_healthy } } }
  app: { image: bayplan/hello, command: ${server('app', 143)}, restart: always, volumes: ["notes:/notes"], depends_on: { db: { condition: service_healthy }, migrate: { condition: service_completed_successfully } } }
  held: { image: bayplan/hello, command: [sleep, "1000"], restart: always, stop_signal: SIGKILL }
  failed: { image: bayplan/hello, command: [sh, -c, "exit 3"] }
volumes: { notes: }
`;
const order = (): readonly string[] => readFileSync(join(machine.paths.volumes, 'demo_notes/_data/order'), 'utf8').trim().split('\n');
const statuses = (): Record<string, ContainerStatus | null> => Object.fromEntries([...machine.engine.containers.list()].map(([name, { status }]) => [name.slice(5, -2), status]));
const phases = (): Record<string, string> => Object.fromEntries(Object.entries(statuses()).map(([name, status]) => [name, status?.phase ?? '']));

it('what it has stopped comes back, in order; what was held, done or failed does not', async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await machine.engine.stopContainer('demo-held-1', null, 0);
  await eventually(() => expect(phases()).toEqual({ db: 'running', app: 'running', migrate: 'exited', held: 'exited', failed: 'exited' }));
  await eventually(() => expect(order()).toEqual(['db', 'migrate', 'app']));
  const before = statuses();
  expect(await machine.shutDown()).toBe(2);
  expect(order()).toEqual(['db', 'migrate', 'app', 'app ended', 'db ended']);
  expect(leftovers(machine.paths).filter((what) => !/^(container|stack) /.test(what))).toEqual([]);
  expect(existsSync(machine.paths.run)).toBe(false);
  await machine.open();
  await eventually(() => expect(phases()).toEqual({ db: 'running', app: 'running', migrate: 'exited', held: 'exited', failed: 'exited' }), 30_000);
  await eventually(() => expect(order()).toEqual(['db', 'migrate', 'app', 'app ended', 'db ended', 'db', 'app']));
  await eventually(() => expect(machine.engine.busy('demo')).toBe(false), 30_000);
  const after = statuses();
  expect(after['held']?.held).toBe(true);
  for (const name of ['migrate', 'held', 'failed']) expect(after[name]?.startedAt).toBe(before[name]?.startedAt);
  expect(await machine.engine.stackDrift('demo')).toEqual([expect.objectContaining({ name: 'demo-held-1', fate: 'held' })]);
}, 60_000);

it('nothing starts any more while others still end; the next engine starts it', async () => {
  const slow = '[sh, -c, "trap \'touch /notes/ending; until [ -e /notes/go ]; do sleep 0.05; done; exit 0\' TERM; touch /notes/ready; while :; do sleep 0.05; done"]';
  expect(await machine.up(`
services:
  slow: { image: bayplan/hello, command: ${slow}, volumes: ["notes:/notes"] }
  asked: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL }
volumes: { notes: }
`)).toMatchObject({ ok: true });
  const note = (name: string): string => join(machine.paths.volumes, 'demo_notes/_data', name);
  await eventually(() => expect(existsSync(note('ready'))).toBe(true));
  const { engine } = machine;
  await engine.stopContainer('demo-asked-1', null, 0);
  const shutDown = machine.shutDown();
  await eventually(() => expect(existsSync(note('ending'))).toBe(true));
  await expect(engine.startContainer('demo-asked-1')).rejects.toMatchObject({ code: 'not-ready' });
  writeFileSync(note('go'), '');
  expect(await shutDown).toBe(1);
  expect(existsSync(machine.paths.run)).toBe(false);
  await machine.open();
  await eventually(() => expect(phases()).toEqual({ slow: 'running', asked: 'running' }), 30_000);
}, 60_000);
