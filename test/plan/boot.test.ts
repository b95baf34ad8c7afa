import { expect, it } from 'vitest';
import { bootOf } from '../../src/plan/boot.ts';
import type { Container, ContainerStatus } from '../../src/state/container.ts';
import type { Drift } from '../../src/state/drift.ts';
import { containerSpec } from '../spec-values.ts';
import { plan } from '../../src/plan/plan.ts';
import { USUAL_PASS } from '../../src/state/pass-options.ts';
import { bare, desired, service } from './states.ts';
import { emptyState } from '../../src/state/state.ts';

const LOST: Partial<ContainerStatus> = { phase: 'lost', exitCode: 137, startedAt: 1 };
const ENDED: Partial<ContainerStatus> = { phase: 'exited', startedAt: 1, finishedAt: 2 };
const INTERRUPTED: Drift = { kind: 'process', field: 'process', expected: 'running', found: 'stopped to be started again' };
const left = (policy: 'no' | 'always' | 'on-failure' | 'unless-stopped', status: Partial<ContainerStatus>): Container => ({
  identity: { owner: 'stack', stack: 'shop', service: 'web', slot: 1, generation: 1 }, spec: containerSpec({ restart: { policy, maxRetries: 0, delayMs: null, windowMs: null } }),
  status: { id: 'a'.repeat(64), pid: 0, exitCode: 0, oomKilled: false, error: '', createdAt: 1, startedAt: 0, finishedAt: 0, health: 'none', healthOutput: '', restarts: 0, restartAt: 0, held: false, paused: false, addresses: {}, anonymousVolumes: {}, ipv6Addresses: {}, runtime: 'bayplan', storage: 'overlay', joined: [], ports: [], ...status, phase: status.phase ?? 'exited' },
});

it.each<[string, Container | null, boolean]>([
  ['ran, policy no', left('no', LOST), true],
  ['ran, unless-stopped', left('unless-stopped', LOST), true],
  ['never made', null, true],
  ['never started', left('no', { phase: 'created' }), true],
  ['stopped by a person', left('always', { ...ENDED, exitCode: 137, held: true }), false],
  ['stopped by a person, its end not recorded', left('always', { ...LOST, held: true }), false],
  ['ended with 0', left('no', ENDED), true], // in the plan, which leaves it alone
  ['failed, policy no', left('no', { ...ENDED, exitCode: 3 }), false],
  ['failed, retries used up', left('on-failure', { ...ENDED, exitCode: 3 }), false],
  ['stopped as the machine went down, with 0', left('no', { ...ENDED, drift: [INTERRUPTED] }), true],
  ['stopped as the machine went down, with 143', left('no', { ...ENDED, exitCode: 143, drift: [INTERRUPTED] }), true],
  ['failed, always', left('always', { ...ENDED, exitCode: 3 }), true],
])('%s', (_name, container, comes) => {
  const actual = { ...emptyState('shop'), containers: container === null ? {} : { 'shop-web-1': container } };
  expect(bootOf(desired({ web: { ...service(), template: container?.spec ?? service().template }, db: service() }), actual, 1000).left).toEqual(comes ? [] : ['shop-web-1']);
});

it('one replica that a person holds keeps neither the others nor who depends on them from coming back', () => {
  const held = left('no', { ...ENDED, exitCode: 137, held: true });
  const lost = left('no', LOST);
  const of = (container: Container, slot: number): Container => ({ ...container, identity: { ...container.identity, slot }, spec: { ...container.spec, labels: { 'com.docker.compose.container-number': String(slot) } } });
  const actual = { ...bare(), containers: { 'shop-web-1': of(held, 1), 'shop-web-2': of(lost, 2) } };
  const boot = bootOf(desired({ web: { ...service({}, {}, 2), template: lost.spec }, app: service({}, { web: 'healthy' }) }), actual, 1000);
  expect(boot.left).toEqual(['shop-web-1']);
  const { steps } = plan(boot.desired, actual, 1000, 1000, { ...USUAL_PASS, left: [...boot.left] });
  const starts = steps.filter(({ action }) => action === 'start-container');
  expect(starts.map(({ id }) => id)).toEqual(['start-container shop-web-2', 'start-container shop-app-1']);
  expect(starts.at(-1)?.needs.filter((need) => need.includes('web'))).toEqual(['wait-container shop-web-2 healthy']);
  expect(steps.filter(({ args }) => 'name' in args && args.name === 'shop-web-1')).toEqual([]);
});

it('what was stopped as the machine went down is started before who depends on it, whatever it has ended with', () => {
  const db = left('no', { ...ENDED, drift: [INTERRUPTED] });
  const stopped = { ...db, identity: { ...db.identity, service: 'db' } };
  const boot = bootOf(desired({ db: { ...service(), template: db.spec }, app: service({}, { db: 'healthy' }) }), { ...bare(), containers: { 'shop-db-1': stopped } }, 1000);
  const { steps } = plan(boot.desired, { ...bare(), containers: { 'shop-db-1': stopped } }, 1000, 1000, { ...USUAL_PASS, left: [...boot.left] });
  const starts = steps.filter(({ action }) => action === 'start-container');
  expect(starts.map(({ id, why }) => [id, why])).toEqual([['start-container shop-db-1', 'it was stopped to be started again'], ['start-container shop-app-1', expect.anything()]]);
  expect(starts.at(-1)?.needs).toContain('wait-container shop-db-1 healthy');
});
