import { expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { printPlan } from '../../src/plan/print.ts';
import type { Healthcheck } from '../../src/state/container.ts';
import type { Desired, State } from '../../src/state/state.ts';
import { simulate } from './simulate.ts';
import { bare, desired, service, withStatus } from './states.ts';

const healthcheck: Healthcheck = { test: ['CMD', 'true'], intervalMs: 1, timeoutMs: 1, startPeriodMs: 0, startIntervalMs: 1, retries: 1 };
const shop = (cache: Record<string, string>, app: Record<string, string> = {}): Desired => desired({
  cache: service({ environment: cache }), app: service({ healthcheck, labels: app }, { cache: 'started' }), web: service({ healthcheck }, { app: 'healthy' }), other: service({ healthcheck }),
});
const up = plan(shop({}), bare(), 10).steps.reduce(simulate, bare());
const ill = ['app', 'web', 'other'].reduce((state, name) => withStatus(state, `shop-${name}-1`, { health: 'unhealthy' }), up);
const probes = (wanted: Desired, actual: State): string => printPlan(plan(wanted, actual, 10)).split('\n').filter((line) => /^(probe|wait)-/.test(line)).join('\n');

it('who is unhealthy is looked at anew where what it depends on changes, and whoever waits for it waits for that', () => {
  const wanted = shop({ A: '1' });
  expect(probes(wanted, ill)).toMatchInlineSnapshot(`
    "probe-container shop-app-1  (it is unhealthy, and service cache, which it depends on, changes)
    wait-container shop-app-1 healthy  (service web depends on it)
    probe-container shop-web-1  (it is unhealthy, and service app, which it depends on, changes)"
  `);
  const needs = (id: string): readonly string[] | undefined => plan(wanted, ill, 10).steps.find((step) => step.id === id)?.needs;
  expect(needs('probe-container shop-app-1')).toEqual(['start-container shop-cache-1']);
  expect(needs('wait-container shop-app-1 healthy')).toEqual(['probe-container shop-app-1']);
  expect(plan(wanted, plan(wanted, ill, 10).steps.reduce(simulate, ill), 10).steps).toEqual([]);
});

it('also where it changes itself, in place', () => {
  expect(probes(shop({}, { colour: 'red' }), ill)).toMatch(/^probe-container shop-app-1 {2}\(it is unhealthy, and changes\)\n/);
});

it('nothing is looked at anew where nothing changes, where it is well, or where it does not run', () => {
  expect(probes(shop({}), ill)).toBe('');
  expect(probes(shop({ A: '1' }), up)).toBe('');
  expect(probes(shop({ A: '1' }), withStatus(ill, 'shop-app-1', { phase: 'exited', held: true, health: 'unhealthy' }))).not.toContain('probe-container shop-app-1');
});

it('one that is restarted for it is looked at after that start anyhow', () => {
  const { services, ...rest } = shop({ A: '1' });
  const restarts = { ...rest, services: { ...services, app: { ...service({ healthcheck }), dependsOn: { cache: { condition: 'service_started', required: true, restart: true } } } } } satisfies Desired;
  const ids = plan(restarts, ill, 10).steps.map(({ id }) => id);
  expect(ids).toContain('stop-container shop-app-1');
  expect(ids).not.toContain('probe-container shop-app-1');
});
