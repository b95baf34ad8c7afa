import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { apply, type ApplyResult, type StepEvent } from '../../src/reconcile/apply.ts';
import type { Step } from '../../src/state/plan.ts';
import { executorOf, start, wait } from './fake-executor.ts';

interface Run { readonly result: ApplyResult; readonly events: readonly StepEvent[]; readonly order: readonly string[]; readonly most: number }

/** Applies steps; those named in `fail` reject, each takes a turn of the event loop. */
async function run(steps: readonly Step[], options: { fail?: readonly string[]; concurrency?: number; abort?: { on: string; control: AbortController } } = {}): Promise<Run> {
  const order: string[] = [];
  const events: StepEvent[] = [];
  let running = 0;
  let most = 0;
  const executor = executorOf(async (id) => {
    order.push(id);
    if (!id.startsWith('wait-')) most = Math.max(most, ++running);
    if (options.abort?.on === id) options.abort.control.abort();
    await new Promise(setImmediate);
    if (!id.startsWith('wait-')) running--;
    if (options.fail?.includes(id) === true) throw new Error(`${id} will not`);
  });
  const signal = options.abort?.control.signal ?? new AbortController().signal;
  const result = await apply(steps, executor, { concurrency: options.concurrency ?? 4, signal, onStep: (event) => events.push(event), onProgress: () => undefined });
  return { result, events, order, most };
}

describe('apply', () => {
  it('carries out a step only once all it needs is done, also where one slot is all there is', async () => {
    const { result, order } = await run([start('c', 'b', 'a'), start('b', 'a'), start('a')], { concurrency: 1 });
    expect(order).toEqual(['start-container a', 'start-container b', 'start-container c']);
    expect(result.done).toEqual(order);
  });

  it('runs what is independent at the same time, as far as there are slots', async () => {
    expect((await run([start('a'), start('b'), start('c')], { concurrency: 2 })).most).toBe(2);
  });

  it('gives waits no slot', async () => {
    let release = (): void => undefined;
    const healthy = new Promise<void>((resolve) => { release = resolve; });
    const executor = executorOf((id) => {
      if (id === 'start-container b') release();
      return id.startsWith('wait-') ? healthy : Promise.resolve();
    });
    const result = await apply([wait('a'), start('b')], executor, { concurrency: 1, signal: new AbortController().signal, onStep: () => undefined, onProgress: () => undefined });
    expect(result.done.toSorted()).toEqual(['start-container b', 'wait-container a healthy']);
  });

  it('goes on without what is optional, and says why', async () => {
    const optional: Step = { id: 'wait-container a healthy', action: 'wait-container', args: { name: 'a', until: 'healthy', optional: true }, needs: [], why: 'a test' };
    const { result, events } = await run([optional, start('b', 'wait-container a healthy')], { fail: ['wait-container a healthy'] });
    expect(result).toMatchObject({ done: ['wait-container a healthy', 'start-container b'], failed: [], skipped: [] });
    expect(events.find(({ id, state }) => id === 'wait-container a healthy' && state === 'done')?.message).toBe('wait-container a healthy will not');
  });

  it('skips what depends on a failure, names it, and lets the rest settle', async () => {
    const { result, events } = await run([start('a'), start('b', 'a'), start('c', 'b'), start('d'), start('e', 'd', 'a')], { fail: ['start-container a'] });
    expect(result.failed).toEqual([{ id: 'start-container a', message: 'start-container a will not', error: expect.any(Error) }]);
    expect(result.done).toEqual(['start-container d']);
    expect([...result.skipped].sort()).toEqual(['start-container b', 'start-container c', 'start-container e']);
    expect(events.find(({ id }) => id === 'start-container c')).toEqual({ id: 'start-container c', state: 'skipped', ms: 0, message: '"start-container a" failed' });
  });

  it('begins nothing more once it is aborted, and lets what runs settle', async () => {
    const { result, order } = await run([start('a'), start('b', 'a'), start('c', 'b')], { abort: { on: 'start-container a', control: new AbortController() } });
    expect(order).toEqual(['start-container a']);
    expect(result).toEqual({ done: ['start-container a'], failed: [], skipped: [], cancelled: ['start-container b', 'start-container c'] });
  });

  it.each([
    ['a circle', [start('a', 'b'), start('b', 'a'), start('c')], 'needs itself in the end'],
    ['an unknown need', [start('c'), start('a', 'x')], 'needs "start-container x", which is not in the plan'],
    ['an id that is there twice', [start('a'), start('a')], 'two steps with one id'],
  ])('refuses %s before anything runs', async (_what, steps, message) => {
    let ran = 0;
    const executor = executorOf(() => Promise.resolve(void ran++));
    await expect(apply(steps, executor, { concurrency: 1, signal: new AbortController().signal, onStep: () => undefined, onProgress: () => undefined })).rejects.toThrow(message);
    expect(ran).toBe(0);
  });

  it('settles each step of any plan exactly once, failures and all', async () => {
    const plans = fc.integer({ min: 0, max: 12 }).chain((count) => fc.record({
      needs: fc.array(fc.array(fc.nat(11), { maxLength: 3 }), { minLength: count, maxLength: count }),
      fail: fc.subarray(Array.from({ length: count }, (_, at) => at)), concurrency: fc.integer({ min: 1, max: 3 }),
    }));
    await fc.assert(fc.asyncProperty(plans, async ({ needs, fail, concurrency }) => {
      const steps = needs.map((some, at) => start(`${at}`, ...new Set(some.filter((need) => need < at).map(String))));
      const { result, order } = await run(steps, { concurrency, fail: fail.map((at) => `start-container ${at}`) });
      const settled = [...result.done, ...result.failed.map(({ id }) => id), ...result.skipped];
      expect(settled.toSorted()).toEqual(steps.map(({ id }) => id).toSorted());
      for (const { id, needs: before } of steps) if (order.includes(id)) expect(result.done).toEqual(expect.arrayContaining([...before]));
    }), { numRuns: 60 });
  });
});
