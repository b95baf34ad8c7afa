import { expect, test } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { printPlan } from '../../src/plan/print.ts';
import { USUAL_PASS, type PassOptions } from '../../src/state/pass-options.ts';
import { simulate } from './simulate.ts';
import { USUAL_UPDATE } from '../../src/state/update-policy.ts';
import { bare, desired, service, withStatus } from './states.ts';

const shop = desired({ db: service(), web: service({}, { db: 'healthy' }) });
const up = plan(desired({ db: service(), web: service({}, { db: 'started' }) }), bare(), 1).steps.reduce(simulate, bare());
const changed = desired({ db: service({ environment: { A: '1' } }), web: service({ environment: { A: '1' } }, { db: 'started' }) });
const text = (wanted: typeof shop, actual: typeof up, options: Partial<PassOptions>, since = 10): string => printPlan(plan(wanted, actual, 10, since, { ...USUAL_PASS, ...options }));

test('containers are made anew where that is asked for, once', () => {
  const same = desired({ db: service(), web: service({}, { db: 'started' }) });
  expect(text(same, up, { recreate: 'always', recreated: ['web'] })).toBe(
    'stop-container shop-web-1  (a new one was asked for)\nremove-container shop-web-1  (a new one was asked for)\ncreate-container shop-web-1  (a new one was asked for)\nstart-container shop-web-1  (a new one was asked for)\nnote: service web: recreate, stop-first: it has no health check\n');
  expect(text(same, withStatus(up, 'shop-web-1', { createdAt: 10 }), { recreate: 'always', recreated: ['web'] })).toBe('');
  expect(text(same, up, { recreate: 'always' }).match(/create-container/g)).toHaveLength(2);
});

test('or stay as they are though they differ, which is said', () => {
  expect(text(changed, up, { recreate: 'never' })).toBe('note: container shop-db-1 stays as it is: environment.A added\nnote: container shop-web-1 stays as it is: environment.A added\n');
  const stopped = withStatus(up, 'shop-db-1', { phase: 'exited', held: true });
  expect(text(changed, stopped, { recreate: 'never' })).toContain('start-container shop-db-1  (it was stopped)');
});

test('services that the pass is not about stay as they are, stopped, changed or missing, and are not waited for', () => {
  const stopped = withStatus(up, 'shop-db-1', { phase: 'exited', held: true });
  expect(text(changed, stopped, { only: ['web'] })).not.toContain('shop-db-1');
  expect(text(shop, bare(), { only: ['web'] })).not.toContain('shop-db-1');
  expect(text(shop, bare(), { only: ['web'] })).toContain('start-container shop-web-1');
});

test('anonymous volumes go with what is made anew', () => {
  const { steps } = plan(changed, up, 10, 10, { ...USUAL_PASS, renewVolumes: true });
  expect(steps.filter(({ action }) => action === 'remove-container')).toMatchObject([{ args: { volumes: true } }, { args: { volumes: true } }]);
});

test('a way back goes as rollback_config says', () => {
  const back = desired({ web: { ...service({ environment: { A: '1' } }, {}, 3), rollback: { ...USUAL_UPDATE, parallelism: 2, delayMs: 7, monitorMs: 5, order: 'start-first' } } });
  const former = plan(desired({ web: service({}, {}, 3) }), bare(), 1).steps.reduce(simulate, bare());
  const { steps, notes } = plan(back, former, 10, 10, { ...USUAL_PASS, goingBack: true });
  expect(notes).toEqual(['service web: rolling, start-first: the file says so']);
  expect(steps.filter(({ action }) => action === 'wait-time')).toMatchObject([{ args: { ms: 7 }, why: 'rollback_config.delay of service web' }]);
  expect(steps.filter(({ id }) => id.endsWith('steady'))).toMatchObject(Array.from({ length: 3 }, () => ({ args: { steadyMs: 5 }, why: 'rollback_config.monitor of service web' })));
  expect(plan(back, former, 10).notes).toEqual(['service web: recreate, stop-first: it has no health check']);
});

test('containers whose service is not in the file are not told of where that is asked for', () => {
  const { db } = shop.services;
  const fewer = desired(db === undefined ? {} : { db });
  expect(text(fewer, up, {})).toMatch(/^note: container shop-web-1 belongs to service web, which is not in the file/);
  expect(text(fewer, up, { ignoreOrphans: true })).toBe('');
});
