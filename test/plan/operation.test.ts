import { describe, expect, it } from 'vitest';
import { planOperation } from '../../src/plan/operation.ts';
import { plan } from '../../src/plan/plan.ts';
import { printPlan } from '../../src/plan/print.ts';
import { Operation } from '../../src/state/operation.ts';
import type { State } from '../../src/state/state.ts';
import { publishedPort } from '../spec-values.ts';
import { simulate } from './simulate.ts';
import { bare, desired, service, withStatus } from './states.ts';

const port = publishedPort({ published: 80 });
const data = { type: 'volume' as const, source: 'shop_data', target: '/data', readOnly: false, nocopy: false, subpath: '' };
const shop = desired({ db: service({ mounts: [data] }), web: service({ ports: [port] }, { db: 'started' }, 2), once: service({ command: ['once'] }) });
const up = plan(shop, bare(), 1).steps.reduce(simulate, bare());

function text(operation: Partial<Operation> & Pick<Operation, 'verb'>, actual: State, wanted: typeof shop | null = shop): string {
  return printPlan(planOperation(Operation.parse({ version: 1, services: [], ...operation }), wanted, actual));
}

function after(operation: Partial<Operation> & Pick<Operation, 'verb'>, actual: State): State {
  return planOperation(Operation.parse({ version: 1, services: [], ...operation }), shop, actual).steps.reduce(simulate, actual);
}

describe('the whole text of an operation', () => {
  it('stop: dependents first, ports before the process; what has ended is passed over', () => expect(text({ verb: 'stop' }, up)).toMatchInlineSnapshot(`
    "withdraw-ports shop-web-1  (stop was asked for)
    stop-container shop-web-1  (stop was asked for)
    withdraw-ports shop-web-2  (stop was asked for)
    stop-container shop-web-2  (stop was asked for)
    stop-container shop-db-1  (stop was asked for)
    "
  `));

  it('stop of one that waits for its restart holds it', () =>
    expect(text({ verb: 'stop', services: ['once'] }, withStatus(up, 'shop-once-1', { phase: 'exited', exitCode: 1, restartAt: 99 }))).toBe('stop-container shop-once-1  (stop was asked for)\n'));

  it('start: what the services depend on first, one-shots again', () => {
    const stopped = after({ verb: 'stop' }, up);
    expect(text({ verb: 'start', services: ['web'] }, stopped)).toMatchInlineSnapshot(`
      "start-container shop-db-1  (start was asked for)
      start-container shop-web-1  (start was asked for)
      publish-ports shop-web-1  (start was asked for)
      start-container shop-web-2  (start was asked for)
      publish-ports shop-web-2  (start was asked for)
      "
    `);
    expect(text({ verb: 'start', services: ['once'] }, up)).toBe('start-container shop-once-1  (start was asked for)\n');
    expect(text({ verb: 'start', services: ['db'] }, up)).toBe('');
  });

  it('start refuses a service without a container', () => {
    expect(() => text({ verb: 'start' }, bare())).toThrow('service "db" has no container to start: `up db` makes one');
    expect(() => text({ verb: 'start' }, bare(), null)).toThrow('no container to start');
  });

  it('restart: in the order of dependencies, and what depends with restart: true', () => {
    const bound = desired({ ...shop.services, web: { ...service({}, { db: 'started' }), dependsOn: { db: { condition: 'service_started', required: true, restart: true } } } });
    expect(text({ verb: 'restart', services: ['db'] }, up, bound)).toMatchInlineSnapshot(`
      "stop-container shop-db-1  (restart was asked for)
      start-container shop-db-1  (restart was asked for)
      withdraw-ports shop-web-1  (restart was asked for)
      stop-container shop-web-1  (restart was asked for)
      start-container shop-web-1  (restart was asked for)
      publish-ports shop-web-1  (restart was asked for)
      withdraw-ports shop-web-2  (restart was asked for)
      stop-container shop-web-2  (restart was asked for)
      start-container shop-web-2  (restart was asked for)
      publish-ports shop-web-2  (restart was asked for)
      "
    `);
    const alone = 'stop-container shop-db-1  (restart was asked for)\nstart-container shop-db-1  (restart was asked for)\n';
    expect(text({ verb: 'restart', services: ['db'], dependencies: false }, up, bound)).toBe(alone);
    expect(text({ verb: 'restart', services: ['db'] }, up)).toBe(alone);
  });

  it('kill ends, or sends a signal', () => {
    expect(text({ verb: 'kill', services: ['db'] }, up)).toBe('stop-container shop-db-1  (kill was asked for)\n');
    expect(text({ verb: 'kill', services: ['db'], signal: 'USR1' }, up)).toBe('signal-container shop-db-1  (kill was asked for)\n');
    expect(text({ verb: 'kill', services: ['once'] }, up)).toBe('');
  });

  it('remove: what does not run, or with a stop all, and named volumes that nobody else uses', () => {
    expect(text({ verb: 'remove' }, up)).toBe('remove-container shop-once-1  (remove was asked for)\n');
    expect(text({ verb: 'remove', services: ['db'] }, up)).toBe('');
    expect(text({ verb: 'remove', services: ['db'], stop: true, volumes: 'named' }, up)).toBe(
      'stop-container shop-db-1  (remove was asked for)\nremove-container shop-db-1  (remove was asked for)\nremove-volume shop_data  (remove was asked for)\n');
    const steps = planOperation(Operation.parse({ version: 1, verb: 'remove', services: ['once'], volumes: 'anonymous' }), shop, up).steps;
    expect(steps).toMatchObject([{ args: { name: 'shop-once-1', volumes: true } }]);
  });

  it('pause, and unpause by name, start, restart and up', () => {
    expect(text({ verb: 'pause', services: ['db'] }, up)).toBe('pause-container shop-db-1  (pause was asked for)\n');
    const paused = after({ verb: 'pause', services: ['db'] }, up);
    expect(text({ verb: 'unpause', services: ['db'] }, paused)).toBe('unpause-container shop-db-1  (unpause was asked for)\n');
    expect(text({ verb: 'start', services: ['web'] }, paused)).toBe('unpause-container shop-db-1  (start was asked for)\n');
    expect(printPlan(plan(shop, paused, 10))).toBe('unpause-container shop-db-1  (it was paused)\n');
    expect(text({ verb: 'restart', services: ['db'] }, paused)).toContain('stop-container shop-db-1');
  });
});
