import type { PassEvent } from '../state/messages.ts';
import type { Action, Plan } from '../state/plan.ts';
import type { State } from '../state/state.ts';
import { apply } from './apply.ts';
import { ALL_LEFT } from './exclusive.ts';
import type { Executor } from './executor.ts';

export interface PassContext {
  /** What is to be done: pure. `since`: when the pass began. Times in ms since the epoch. */
  readonly plan: (actual: State, now: number, since: number) => Plan;
  /** Reads the world anew. */
  readonly observe: () => Promise<State>;
  readonly executor: Executor;
  /** Why nothing of the first plan is to be carried out, a line each; none: nothing speaks against it. */
  readonly objections?: (made: Plan) => Promise<readonly string[]>;
  readonly now: () => number;
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: PassEvent) => void;
}

/** `rollback`: services whose update has failed, and that are to be as they were before. `cancelled`: it was kept from its end, `left`: because nobody waits for it any more. `vain`: what was carried out had no effect. */
export interface PassResult { readonly ok: boolean; readonly message: string; readonly rollback?: readonly string[]; readonly cancelled?: true; readonly left?: true; readonly vain?: true }

const REPAIRS: ReadonlySet<Action> = new Set<Action>(['repair-container', 'repair-network', 'repair-rules']);
const MOST_REPAIRS = 2;

/**
 * Makes the world what is desired, or does what was asked for. Invariants:
 * - what is decided is decided by `plan`, from the world as it was just read;
 * - what can be known to fail before anything is changed (`objections`) changes nothing;
 * - running work settles before the world is read again;
 * - it ends when the plan is empty, when a step has failed that is no trial (what has become of a trial is the next plan's to read), or when a step that succeeded is planned again for the same cause: then
 *   it had no effect, and doing it again would be a loop. A cause says what was found, which may be another each time: a repair is not made more than twice.
 */
export async function runPass(context: PassContext): Promise<PassResult> {
  const since = context.now();
  const carried = new Set<string>();
  const repairs = new Map<string, number>();
  const failures: string[] = [];
  for (;;) {
    const made = context.plan(await context.observe(), context.now(), since);
    context.onEvent({ version: 1, type: 'plan', plan: made });
    if (made.steps.length === 0) return ending(made, failures);
    if (carried.size === 0) {
      const objections = await context.objections?.(made) ?? [];
      if (objections.length > 0) return { ok: false, message: objections.join('\n') };
    }
    const again = made.steps.find((step) => carried.has(`${step.id}: ${step.why}`) || (repairs.get(step.id) ?? 0) >= MOST_REPAIRS);
    if (again !== undefined) return { ok: false, vain: true, message: `"${again.id}" was carried out (${again.why}) and had no effect: the container or resource does not stay as it was made` };
    const result = await apply(made.steps, context.executor, {
      concurrency: context.concurrency, signal: context.signal,
      onStep: (event) => context.onEvent({ version: 1, type: 'step', ...event }),
      onProgress: (id, progress) => context.onEvent({ version: 1, type: 'progress', id, ...progress }),
    });
    if (context.signal.aborted) return cancelled(String(context.signal.reason));
    const texts = result.failed.map(({ id, message }) => `${id}: ${message}`);
    if (result.failed.some(({ id }) => made.trials?.includes(id) !== true)) return { ok: false, message: texts.join('\n') };
    failures.push(...texts);
    const tried = new Set([...result.done, ...result.failed.map(({ id }) => id)]);
    for (const { id, action, why } of made.steps) {
      if (!tried.has(id) || (action === 'wait-container' && result.failed.length > 0 && result.done.includes(id))) continue; // beside what has failed it is waited for again
      carried.add(`${id}: ${why}`);
      if (REPAIRS.has(action)) repairs.set(id, (repairs.get(id) ?? 0) + 1);
    }
  }
}

/** Of a pass that was kept from its end, or from its beginning. `why`: the reason of its signal. */
export function cancelled(why: string): PassResult {
  return { ok: false, cancelled: true, message: `cancelled: ${why}`, ...(why === ALL_LEFT ? { left: true as const } : {}) };
}

/** Nothing is left to do, though an update may have come to a halt. */
function ending({ halts = [] }: Plan, failures: readonly string[]): PassResult {
  if (halts.length > 0) return { ok: false, message: halts.map(({ why }) => why).join('\n'), rollback: halts.flatMap(({ service, rollback }) => (rollback ? [service] : [])) };
  return failures.length > 0 ? { ok: false, message: failures.join('\n') } : { ok: true, message: '' };
}
