import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { planOperation } from '../../src/plan/operation.ts';
import { printPlan } from '../../src/plan/print.ts';
import type { PreStart } from '../../src/state/hook.ts';
import type { Operation } from '../../src/state/operation.ts';
import type { Desired, State } from '../../src/state/state.ts';
import { simulate } from './simulate.ts';
import { bare, desired, IMAGE, service, withStatus } from './states.ts';

const hook = (change: Partial<PreStart> = {}): PreStart => ({ image: IMAGE, command: ['once'], user: '', privileged: false, workingDir: '', environment: [], perReplica: false, ...change });
const data = { type: 'volume' as const, source: 'shop_data', target: '/data', readOnly: false, nocopy: false, subpath: '' };
const web = (preStart: PreStart[], replicas = 1, change = {}): Desired => desired({ db: service(), web: service({ preStart, mounts: [data], ...change }, { db: 'started' }, replicas) });
const text = (wanted: Desired, actual: State): string => printPlan(plan(wanted, actual, 10));

/** Carries plans out on the model until one is empty. */
function converge(wanted: Desired, from: State): { readonly state: State; readonly lines: readonly string[] } {
  let state = from;
  const lines: string[] = [];
  for (let turn = 0; turn < 20; turn++) {
    const { steps } = plan(wanted, state, 10);
    if (steps.length === 0) return { state, lines };
    for (const step of steps) state = simulate(state, step);
    lines.push(...steps.map(({ id }) => id));
  }
  throw new Error('it never ends');
}

const hooksRun = (lines: readonly string[]): readonly string[] => lines.filter((line) => line.startsWith('start-container') && line.includes('pre_start'));

describe('pre_start', () => {
  it('runs each hook to its end, in order, after what the service depends on and once its container is made', () => {
    expect(text(web([hook(), hook({ command: ['once', 'more'] })], 2), bare())).toMatchInlineSnapshot(`
      "create-network shop_default  (there is no such network)
      create-volume shop_data  (there is no such volume)
      create-container shop-db-1  (service db has no container 1)
      start-container shop-db-1  (service db has no container 1)
      create-container shop-web-1  (service web has no container 1)
      create-container shop-web-1-pre_start-0  (pre_start of service web)
      start-container shop-web-1-pre_start-0  (pre_start of service web)
      wait-container shop-web-1-pre_start-0 completed  (pre_start of service web)
      create-container shop-web-1-pre_start-1  (pre_start of service web)
      start-container shop-web-1-pre_start-1  (pre_start of service web)
      wait-container shop-web-1-pre_start-1 completed  (pre_start of service web)
      start-container shop-web-1  (service web has no container 1)
      create-container shop-web-2  (service web has no container 2)
      start-container shop-web-2  (service web has no container 2)
      remove-container shop-web-1-pre_start-0 ended  (it has succeeded)
      remove-container shop-web-1-pre_start-1 ended  (it has succeeded)
      "
    `);
  });

  it('has the variables, mounts and networks of the service, no name of its own, and nothing else of it', () => {
    const { steps } = plan(web([hook({ command: [], environment: ['A=2', 'B=x=y'], user: '7', workingDir: '/w', privileged: true })], 1, { environment: { A: '1', C: '3' }, user: 'app', entrypoint: ['/e'], capAdd: ['NET_ADMIN'], readOnly: true }), bare(), 10);
    const made = steps.find(({ id }) => id === 'create-container shop-web-1-pre_start-0');
    expect(made?.args).toMatchObject({
      identity: { owner: 'hook', stack: 'shop', service: 'web', slot: 1, generation: 1 },
      spec: {
        image: IMAGE, entrypoint: null, command: null, user: '7', workingDir: '/w', privileged: true, environment: { A: '2', B: 'x=y', C: '3' }, mounts: [data], networks: { shop_default: { aliases: [] } },
        labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web', 'com.docker.compose.hook': 'pre_start' }, capAdd: [], readOnly: false, restart: { policy: 'no' }, healthcheck: { test: ['NONE'] },
      },
    });
  });

  it('is over once the service runs, also for replicas that come later', () => {
    const { state } = converge(web([hook()]), bare());
    expect(text(web([hook()]), state)).toBe('');
    expect(Object.keys(state.containers).sort()).toEqual(['shop-db-1', 'shop-web-1']);
    expect(hooksRun(converge(web([hook()], 3), state).lines)).toEqual([]);
  });

  it('runs again where the service is made anew, a hook is another, or all of it was stopped', () => {
    const { state } = converge(web([hook()]), bare());
    expect(hooksRun(converge(web([hook()], 1, { environment: { A: '1' } }), state).lines)).toEqual(['start-container shop-web-1-pre_start-0']);
    expect(text(web([hook({ environment: ['KEY=secret'] })]), state)).toContain('remove-container shop-web-1  (preStart[0].environment.KEY added)');
    expect(hooksRun(converge(web([hook({ command: ['once', 'again'] })]), state).lines)).toEqual(['start-container shop-web-1-pre_start-0']);
    const stopped = withStatus(state, 'shop-web-1', { phase: 'exited', held: true });
    expect(hooksRun(converge(web([hook()]), stopped).lines)).toEqual(['start-container shop-web-1-pre_start-0']);
    const start: Operation = { version: 1, verb: 'start', services: [], dependencies: true, oneOffs: false, stop: false, volumes: 'none', signal: '', timeoutSeconds: null, wait: false, from: null };
    expect(hooksRun(planOperation(start, web([hook()]), stopped).steps.map(({ id }) => id))).toEqual(['start-container shop-web-1-pre_start-0']);
    expect(hooksRun(planOperation({ ...start, verb: 'restart' }, web([hook()]), stopped).steps.map(({ id }) => id))).toEqual([]);
  });

  it('takes away what a failed run has left, and waits for one that still runs', () => {
    const wanted = web([hook(), hook({ command: ['once', 'more'] })]);
    let state = bare();
    for (const step of plan(wanted, state, 10).steps) {
      if (step.id === 'wait-container shop-web-1-pre_start-0 completed') break;
      state = simulate(state, step);
    }
    const failed = withStatus(state, 'shop-web-1-pre_start-0', { phase: 'exited', exitCode: 17 });
    expect(text(wanted, failed)).toContain('remove-container shop-web-1-pre_start-0  (it is run again)\ncreate-container shop-web-1-pre_start-0  (pre_start of service web)\n');
    expect(text(web([]), failed)).not.toContain('pre_start'); // to be looked at, until somebody starts it again or takes it down
    const running = withStatus(state, 'shop-web-1-pre_start-0', { phase: 'running' });
    expect(text(wanted, running).split('\n')[0]).toBe('wait-container shop-web-1-pre_start-0 completed  (pre_start of service web)');
    const succeeded = withStatus(state, 'shop-web-1-pre_start-0', { phase: 'exited', exitCode: 0 }); // while no engine ran
    expect(text(wanted, succeeded).split('\n').slice(0, 2)).toEqual(['remove-container shop-web-1-pre_start-0  (it has succeeded)', 'create-container shop-web-1-pre_start-1  (pre_start of service web)']);
    expect(text(web([hook({ command: ['another'] })]), running)).toContain('stop-container shop-web-1-pre_start-0  (it is run again)\nremove-container shop-web-1-pre_start-0  (it is run again)\n');
    expect(text({ ...wanted, services: {}, remove: { orphans: true, volumes: false } }, failed)).toContain('remove-container shop-web-1-pre_start-0  (');
  });

  it('runs before each replica where it says so', () => {
    const { lines, state } = converge(web([hook(), hook({ perReplica: true })], 2), bare());
    expect(hooksRun(lines)).toEqual(['start-container shop-web-1-pre_start-0', 'start-container shop-web-1-pre_start-1', 'start-container shop-web-2-pre_start-1']);
    const more = converge(web([hook(), hook({ perReplica: true })], 3), state);
    expect(hooksRun(more.lines)).toEqual(['start-container shop-web-3-pre_start-1']);
    expect(more.lines.indexOf('start-container shop-web-3')).toBeGreaterThan(more.lines.indexOf('wait-container shop-web-3-pre_start-1 completed'));
  });

  it('runs once before the first replica of a rolling update, beside the old ones', () => {
    const healthcheck = { test: ['CMD', 'true'], intervalMs: 1, timeoutMs: 1, startPeriodMs: 0, startIntervalMs: 1, retries: 1 };
    const rolling = (version: string): Desired => {
      const { db, web: template } = web([hook()], 2, { healthcheck, mounts: [], environment: { V: version } }).services;
      return desired({ ...(db === undefined ? {} : { db }), ...(template === undefined ? {} : { web: { ...template, update: { ...template.update, order: 'start-first' } } }) });
    };
    const { state } = converge(rolling('1'), bare());
    const { lines } = converge(rolling('2'), state);
    expect(hooksRun(lines)).toEqual(['start-container shop-web-1-pre_start-0']);
    expect(lines.indexOf('wait-container shop-web-1-pre_start-0 completed')).toBeLessThan(lines.indexOf('start-container shop-web-1.g2'));
    expect(lines.indexOf('stop-container shop-web-1')).toBeGreaterThan(lines.indexOf('start-container shop-web-1.g2'));
  });

  it('does not run where the container is made and not started', () => expect(text({ ...web([hook()]), unstarted: ['shop-web-1'] }, bare())).not.toContain('pre_start'));
});
