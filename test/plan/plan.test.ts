import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { printPlan } from '../../src/plan/print.ts';
import type { Healthcheck } from '../../src/state/container.ts';
import type { Service } from '../../src/state/service.ts';
import { nothingDesired, type Desired, type State } from '../../src/state/state.ts';
import { simulate } from './simulate.ts';
import { bare, desired, IMAGE, service, withStatus } from './states.ts';

const check: Healthcheck = { test: ['CMD', 'true'], intervalMs: 1, timeoutMs: 1, startPeriodMs: 0, startIntervalMs: 1, retries: 1 };
const port = { hostIp: '', published: 80, target: 80, protocol: 'tcp' as const };
const data = { type: 'volume' as const, source: 'shop_data', target: '/data', readOnly: false, nocopy: false, subpath: '' };

const shop = desired({
  db: service({ healthcheck: check, mounts: [data] }),
  migrate: service({ command: ['once'] }, { db: 'healthy' }),
  web: service({ ports: [port] }, { db: 'started', migrate: 'completed' }, 2),
});

/** Carries plans out on the model until one is empty. */
function converge(wanted: Desired, from: State): State {
  let state = from;
  for (let turn = 0; turn < 20; turn++) {
    const { steps } = plan(wanted, state, 10);
    if (steps.length === 0) return state;
    for (const step of inTurn(steps)) state = simulate(state, step);
  }
  throw new Error('it never ends');
}

/** Steps in an order that their needs allow. */
function inTurn(steps: ReturnType<typeof plan>['steps']): ReturnType<typeof plan>['steps'] {
  const done = new Set<string>();
  const order: (typeof steps)[number][] = [];
  while (order.length < steps.length) {
    const next = steps.find((step) => !done.has(step.id) && step.needs.every((need) => done.has(need)));
    if (next === undefined) throw new Error('the plan has a circle');
    done.add(next.id);
    order.push(next);
  }
  return order;
}

const text = (wanted: Desired, actual: State, since?: number): string => printPlan(plan(wanted, actual, 10, since));
const up = converge(shop, bare());

describe('the whole text of a plan', () => {
  it('from nothing', () => {
    expect(text(shop, bare())).toMatchInlineSnapshot(`
      "create-network shop_default  (there is no such network)
      create-volume shop_data  (there is no such volume)
      create-container shop-db-1  (service db has no container 1)
      start-container shop-db-1  (service db has no container 1)
      create-container shop-migrate-1  (service migrate has no container 1)
      wait-container shop-db-1 healthy  (service migrate depends on it)
      start-container shop-migrate-1  (service migrate has no container 1)
      create-container shop-web-1  (service web has no container 1)
      wait-container shop-migrate-1 completed  (service web depends on it)
      start-container shop-web-1  (service web has no container 1)
      publish-ports shop-web-1  (service web has no container 1)
      create-container shop-web-2  (service web has no container 2)
      start-container shop-web-2  (service web has no container 2)
      publish-ports shop-web-2  (service web has no container 2)
      "
    `);
  });

  it('is empty when all is so, the one-shot that has succeeded included', () => expect(text(shop, up)).toBe(''));

  it('names the environment variable and recreates that service alone', () => {
    const changed = desired({ ...shop.services, web: service({ ports: [port], environment: { COLOUR: 'secret' } }, { db: 'started', migrate: 'completed' }, 1) });
    expect(text(changed, up)).toMatchInlineSnapshot(`
      "withdraw-ports shop-web-1  (environment.COLOUR added)
      stop-container shop-web-1  (environment.COLOUR added)
      remove-container shop-web-1  (environment.COLOUR added)
      withdraw-ports shop-web-2  (service web has 1 replicas)
      stop-container shop-web-2  (service web has 1 replicas)
      remove-container shop-web-2  (service web has 1 replicas)
      create-container shop-web-1  (environment.COLOUR added)
      start-container shop-web-1  (environment.COLOUR added)
      publish-ports shop-web-1  (environment.COLOUR added)
      "
    `);
    expect(text(changed, up)).not.toContain('secret');
  });

  it('reports what is no longer in the file, and removes it when asked', () => {
    const { web: _web, ...rest } = shop.services;
    expect(text(desired(rest), up)).toMatchInlineSnapshot(`
      "note: container shop-web-1 belongs to service web, which is not in the file: --remove-orphans removes it
      note: container shop-web-2 belongs to service web, which is not in the file: --remove-orphans removes it
      "
    `);
    expect(text(desired(rest, { remove: { orphans: true, volumes: false } }), up)).toContain('remove-container shop-web-1  (service web is not in the file)');
  });

  it('goes the other way round for down, and keeps volumes', () => {
    expect(text(nothingDesired('shop', false, 3), up)).toMatchInlineSnapshot(`
      "withdraw-ports shop-web-1  (the stack goes down)
      stop-container shop-web-1  (the stack goes down)
      remove-container shop-web-1  (the stack goes down)
      withdraw-ports shop-web-2  (the stack goes down)
      stop-container shop-web-2  (the stack goes down)
      remove-container shop-web-2  (the stack goes down)
      remove-container shop-migrate-1  (the stack goes down)
      stop-container shop-db-1  (the stack goes down)
      remove-container shop-db-1  (the stack goes down)
      remove-network shop_default  (it is no longer wanted)
      "
    `);
    const stop = plan(nothingDesired('shop', false, 3), up, 10).steps.find((step) => step.id === 'stop-container shop-db-1');
    expect(stop?.args).toEqual({ name: 'shop-db-1', signal: null, graceMs: 3000 });
    expect(stop?.needs).toEqual(['remove-container shop-migrate-1', 'remove-container shop-web-1', 'remove-container shop-web-2']);
  });

  it('removes volumes when asked, after the containers', () => {
    const last = plan(nothingDesired('shop', true, null), up, 10).steps.at(-1);
    expect([last?.id, last?.needs.length]).toEqual(['remove-volume shop_data', 4]);
  });

  it('says which image is missing, and needs it', () => {
    expect(text(desired({ db: service() }), { ...bare(), images: {} })).toContain(`pull-image ${IMAGE}  (it is not in the store)`);
  });

  it('names a tag that stands for another image now', () => {
    const other = structuredClone(up);
    const image = other.images[IMAGE]?.status;
    if (image) image.id = `sha256:${'b'.repeat(64)}`;
    expect(text(shop, other)).toContain(`(image ${IMAGE} is now bbbbbbbbbbbb, was aaaaaaaaaaaa)`);
  });
});

describe('containers that have ended', () => {
  const ended = (change: Parameters<typeof withStatus>[2]): State => withStatus(up, 'shop-web-1', { phase: 'exited', ports: [], ...change });
  it.each([
    ['code 1', { exitCode: 1 }, 'start-container shop-web-1  (it has ended with code 1)\npublish-ports shop-web-1  (it has ended with code 1)\n'],
    ['stopped by hand', { exitCode: 0, held: true }, 'start-container shop-web-1  (it was stopped by hand)\npublish-ports shop-web-1  (it was stopped by hand)\n'],
    ['a restart is due', { exitCode: 1, restartAt: 99 }, ''],
    ['a one-shot that succeeded', { exitCode: 0 }, ''],
    ['lost', { phase: 'lost' as const, exitCode: 137 }, 'start-container shop-web-1  (it was lost)\npublish-ports shop-web-1  (it was lost)\n'],
  ])('%s', (_what, change, expected) => expect(text(shop, ended(change))).toBe(expected));

  it('one that was started by this very request and has ended is left', () => expect(text(shop, ended({ exitCode: 1, startedAt: 7 }), 5)).toBe(''));
  it('says when a restart will be due', () => expect(plan(shop, ended({ exitCode: 1, restartAt: 99 }), 10).wakeAt).toBe(99));
});

it('publishes what runs without its ports', () => {
  expect(text(shop, withStatus(up, 'shop-web-1', { ports: [] }))).toBe('publish-ports shop-web-1  (its ports are not published)\n');
});

it('makes a changed network anew, its containers with it', () => {
  const changed = structuredClone(shop);
  const network = changed.networks['shop_default'];
  if (network) network.spec.internal = true;
  const steps = plan(changed, up, 10).steps;
  expect(steps.find((step) => step.id === 'remove-network shop_default')?.needs).toHaveLength(4);
  expect(steps.find((step) => step.id === 'create-container shop-db-1')?.why).toBe('network shop_default: internal changed');
  expect(plan(changed, converge(changed, up), 10).steps).toEqual([]);
});

it('refuses what cannot be', () => {
  const circle = desired({ a: service({}, { b: 'started' }), b: service({}, { a: 'started' }) });
  expect(() => plan(circle, bare(), 10)).toThrow('depends_on goes in a circle: a → b → a');
  const external = structuredClone(shop);
  const network = external.networks['shop_default'];
  if (network) network.spec.external = true;
  expect(() => plan(external, bare(), 10)).toThrow('network shop_default is declared external');
});

describe('as a property of any small stack', () => {
  const anyService = fc.record({ env: fc.constantFrom('a', 'b'), port: fc.boolean(), health: fc.boolean(), once: fc.boolean(), volume: fc.boolean(), replicas: fc.integer({ min: 0, max: 3 }) });
  const anyStack = fc.array(anyService, { minLength: 0, maxLength: 4 }).chain((services) => fc.array(fc.nat(3), { minLength: services.length, maxLength: services.length }).map((links): Desired => {
    const all: Record<string, Service> = {};
    services.forEach((one, at) => {
      const link = links[at] ?? 0;
      const to = services[link];
      const needs = to === undefined || link >= at ? {} : { [`s${link}`]: to.once ? 'completed' as const : to.health ? 'healthy' as const : 'started' as const };
      const healthcheck = one.health && !one.once ? check : null;
      all[`s${at}`] = service({ environment: { E: one.env }, ports: one.port && !one.once ? [port] : [], healthcheck, command: one.once ? ['once'] : null, mounts: one.volume ? [data] : [] }, needs, one.replicas);
    });
    return desired(all, { remove: { orphans: true, volumes: false } });
  }));

  it('a plan cut off anywhere is finished by the next, and then nothing is left to do', () => {
    fc.assert(fc.property(anyStack, anyStack, fc.nat(40), (first, second, cut) => {
      let state = converge(first, bare());
      for (const step of inTurn(plan(second, state, 10).steps).slice(0, cut)) state = simulate(state, step);
      const end = converge(second, state);
      expect(plan(second, end, 10).steps).toEqual([]);
      expect(Object.keys(converge(nothingDesired('shop', true, null), end).containers)).toEqual([]);
    }), { numRuns: 300 });
  });

  it('survives JSON, and equal inputs give equal plans', () => {
    fc.assert(fc.property(anyStack, (wanted) => {
      const made = plan(wanted, bare(), 10);
      expect(JSON.parse(JSON.stringify(made))).toEqual(made);
      expect(plan(structuredClone(wanted), bare(), 10)).toEqual(made);
      expect(new Set(made.steps.map((step) => step.id)).size).toBe(made.steps.length);
    }));
  });
});
