import { describe, expect, it } from 'vitest';
import { ALL_LEFT } from '../../src/reconcile/exclusive.ts';
import { runPass, type PassContext } from '../../src/reconcile/pass.ts';
import type { PassEvent } from '../../src/state/messages.ts';
import type { Step } from '../../src/state/plan.ts';
import type { State } from '../../src/state/state.ts';
import { plan } from '../../src/plan/plan.ts';
import { simulate } from '../plan/simulate.ts';
import { bare, desired, service, withStatus } from '../plan/states.ts';
import { executorOf } from './fake-executor.ts';

const shop = desired({ db: service(), web: service({}, { db: 'started' }) });

/** A pass over the model machine; `change` is what a step makes of it, by default what it should. */
function world(change: (state: State, step: Step) => State = simulate): { pass: (over?: Partial<PassContext>) => ReturnType<typeof runPass>; state: () => State; events: PassEvent[] } {
  let state = bare();
  let steps = new Map<string, Step>();
  const events: PassEvent[] = [];
  const context: PassContext = {
    plan: (actual, now, since) => plan(shop, actual, now, since), now: () => 1, concurrency: 2, signal: new AbortController().signal,
    observe: () => Promise.resolve(state),
    executor: executorOf((id) => {
      const step = steps.get(id);
      if (step === undefined) throw new Error(`no step ${id}`);
      state = change(state, step);
      return Promise.resolve();
    }),
    onEvent: (event) => {
      events.push(event);
      if (event.type === 'plan') steps = new Map(event.plan.steps.map((step) => [step.id, step]));
    },
  };
  return { pass: (over) => runPass({ ...context, ...over }), state: () => state, events };
}

describe('runPass', () => {
  it('plans again until nothing is left to do', async () => {
    const { pass, state, events } = world();
    expect(await pass()).toEqual({ ok: true, message: '' });
    expect(plan(shop, state(), 1).steps).toEqual([]);
    expect(events.filter(({ type }) => type === 'plan')).toHaveLength(2);
  });

  it('ends where a step has failed, and says which and why', async () => {
    const { pass, state } = world((before, step) => {
      if (step.id === 'start-container shop-db-1') throw new Error('no such command');
      return simulate(before, step);
    });
    expect(await pass()).toEqual({ ok: false, message: 'start-container shop-db-1: no such command' });
    expect(Object.keys(state().containers).sort()).toEqual(['shop-db-1', 'shop-web-1']); // what did not depend on it was done
  });

  it('makes no repair for ever, though what is found is another each time', async () => {
    let found = 0;
    const repair = (): Step => ({ id: 'repair-container shop-db-1', action: 'repair-container', args: { name: 'shop-db-1' }, needs: [], why: `drift: memory.max: expected 1, found ${++found}` });
    const { pass, events } = world((before) => before);
    expect(await pass({ plan: () => ({ steps: [repair()], notes: [], wakeAt: null }) })).toMatchObject({ ok: false, vain: true, message: expect.stringContaining('"repair-container shop-db-1" was carried out (drift: memory.max: expected 1, found 3) and had no effect') });
    expect(events.filter((event) => event.type === 'step' && event.state === 'done')).toHaveLength(2);
  });

  it('takes a step that has no effect for an error, not for a reason to try for ever', async () => {
    const { pass } = world((before, step) => (step.action === 'create-network' ? before : simulate(before, step)));
    const { ok, message } = await pass({ plan: (actual, now, since) => plan(desired({}), actual, now, since) });
    expect([ok, message]).toEqual([false, '"create-network shop_default" was carried out (there is no such network) and had no effect: the container or resource does not stay as it was made']);
  });

  it('does not start over and over what ends at once: it is noted', async () => {
    let starts = 0;
    const { pass, events } = world((before, step) => {
      const after = simulate(before, step);
      if (step.id !== 'start-container shop-db-1') return after;
      starts++;
      return withStatus(after, 'shop-db-1', { phase: 'exited', exitCode: 3 });
    });
    expect(await pass()).toEqual({ ok: true, message: '' });
    expect(starts).toBe(1);
    expect(events.flatMap((event) => (event.type === 'plan' ? event.plan.notes : []))).toEqual(['container shop-db-1 was started, and it has ended with code 3']);
  });

  it('stops where it is when it is cancelled', async () => {
    const control = new AbortController();
    const { pass, events } = world((before, step) => {
      control.abort();
      return simulate(before, step);
    });
    expect((await pass({ signal: control.signal, concurrency: 1 })).ok).toBe(false);
    const states = events.flatMap((event) => (event.type === 'step' ? [event.state] : []));
    expect(states.filter((state) => state === 'done')).toHaveLength(1);
    expect(states).toContain('cancelled');
  });

  it('tells whether it was cancelled because all have left, or another took over', async () => {
    for (const [reason, left] of [[ALL_LEFT, true], ['a later up of this stack took over', undefined]] as const) {
      const control = new AbortController();
      control.abort(reason);
      expect(await world(simulate).pass({ signal: control.signal })).toEqual({ ok: false, cancelled: true, message: `cancelled: ${reason}`, ...(left === undefined ? {} : { left }) });
    }
  });
});
