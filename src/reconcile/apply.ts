import PQueue from 'p-queue';
import { BayplanError } from '../state/bayplan-error.ts';
import type { PartProgress, StepState } from '../state/messages.ts';
import type { Action, ArgsOf, Step } from '../state/plan.ts';
import type { Executor } from './executor.ts';

export interface StepEvent { readonly id: string; readonly state: StepState; readonly ms: number; readonly message: string }

export interface ApplyOptions {
  /** Steps that run at the same time; waits take no slot. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly onStep: (event: StepEvent) => void;
  /** A part of a step has come further. */
  readonly onProgress: (id: string, progress: PartProgress) => void;
}

export interface ApplyResult {
  readonly done: readonly string[];
  readonly failed: readonly { readonly id: string; readonly message: string; readonly error: unknown }[];
  readonly skipped: readonly string[];
  readonly cancelled: readonly string[];
}

/** What only waits takes no slot. */
const WAITS: ReadonlySet<Action> = new Set(['wait-container', 'wait-time', 'drain-container']);

/** What has been begun goes on before more is begun: then records are written while other processes start, instead of all before the first of them. */
const FIRST = 0;
const FOLLOWING = 1;

/**
 * Carries out a plan's steps. A step is queued only once all it needs has succeeded: one that waited inside the queue for another would hold
 * a slot against it. A failure skips its dependents alone, that of an optional one nothing; the rest settles. Throws BayplanError `bad-plan` for a cycle, an unknown or a doubled
 * id before anything runs.
 */
export async function apply(steps: readonly Step[], executor: Executor, options: ApplyOptions): Promise<ApplyResult> {
  const dependents = check(steps);
  const queue = new PQueue({ concurrency: options.concurrency });
  const missing = new Map(steps.map((step) => [step.id, step.needs.length]));
  const done: string[] = [];
  const failed: { id: string; message: string; error: unknown }[] = [];
  const skipped: string[] = [];
  const cancelled: string[] = [];
  const settled = new Set<string>();

  await new Promise<void>((resolve) => {
    const settle = (step: Step): void => {
      settled.add(step.id);
      if (settled.size === steps.length) resolve();
    };
    const giveUp = (step: Step, state: 'skipped' | 'cancelled', message: string): void => {
      if (settled.has(step.id)) return;
      (state === 'skipped' ? skipped : cancelled).push(step.id);
      options.onStep({ id: step.id, state, ms: 0, message });
      for (const dependent of dependents.get(step.id) ?? []) giveUp(dependent, state, message);
      settle(step);
    };
    const run = async (step: Step): Promise<void> => {
      if (options.signal.aborted) return giveUp(step, 'cancelled', 'the pass was cancelled');
      const begin = performance.now();
      const ms = (): number => Math.round(performance.now() - begin);
      options.onStep({ id: step.id, state: 'started', ms: 0, message: '' });
      const failure = await execute(executor, step, options.signal, (progress) => options.onProgress(step.id, progress)).then(() => null, (error: unknown) => ({ error, message: error instanceof Error ? error.message : String(error) }));
      if (failure !== null && (options.signal.aborted || !isOptional(step))) {
        const { error, message } = failure;
        if (options.signal.aborted) {
          cancelled.push(step.id);
          options.onStep({ id: step.id, state: 'cancelled', ms: ms(), message });
        } else {
          failed.push({ id: step.id, message, error });
          options.onStep({ id: step.id, state: 'failed', ms: ms(), message });
        }
        const why = options.signal.aborted ? 'the pass was cancelled' : `"${step.id}" failed`;
        for (const dependent of dependents.get(step.id) ?? []) giveUp(dependent, options.signal.aborted ? 'cancelled' : 'skipped', why);
        return settle(step);
      }
      done.push(step.id);
      options.onStep({ id: step.id, state: 'done', ms: ms(), message: failure?.message ?? '' });
      for (const dependent of dependents.get(step.id) ?? []) {
        const left = (missing.get(dependent.id) ?? 0) - 1;
        missing.set(dependent.id, left);
        if (left === 0 && !settled.has(dependent.id)) enqueue(dependent, FOLLOWING);
      }
      settle(step);
    };
    const enqueue = (step: Step, priority: number): void => {
      if (WAITS.has(step.action)) void run(step);
      else void queue.add(() => run(step), { priority });
    };
    if (steps.length === 0) resolve();
    for (const step of steps) if (step.needs.length === 0) enqueue(step, FIRST);
  });
  return { done, failed, skipped, cancelled };
}

/** It may fail: who depends on it does without. */
function isOptional({ args }: Step): boolean {
  return 'optional' in args && args.optional === true;
}

/** The one place where an action meets its function. Generic over the action, so that the compiler sees that its args are the function's. */
async function execute<A extends Action>(executor: Executor, step: { readonly action: A; readonly args: ArgsOf<A> }, signal: AbortSignal, onProgress: (progress: PartProgress) => void): Promise<void> {
  await executor[step.action](step.args, signal, onProgress);
}

/** Dependents of each step; refuses plans that could never end. */
function check(steps: readonly Step[]): ReadonlyMap<string, readonly Step[]> {
  const byId = new Map(steps.map((step) => [step.id, step]));
  if (byId.size !== steps.length) throw new BayplanError('bad-plan', 'the plan has two steps with one id');
  const dependents = new Map<string, Step[]>(steps.map((step) => [step.id, []]));
  for (const step of steps) {
    for (const need of step.needs) {
      const list = dependents.get(need);
      if (list === undefined) throw new BayplanError('bad-plan', `step "${step.id}" needs "${need}", which is not in the plan`);
      list.push(step);
    }
  }
  const left = new Map(steps.map((step) => [step.id, step.needs.length]));
  const free = steps.filter((step) => step.needs.length === 0);
  for (const step of free) {
    for (const dependent of dependents.get(step.id) ?? []) {
      const rest = (left.get(dependent.id) ?? 0) - 1;
      left.set(dependent.id, rest);
      if (rest === 0) free.push(dependent);
    }
  }
  const stuck = steps.find((step) => (left.get(step.id) ?? 0) > 0);
  if (stuck !== undefined) throw new BayplanError('bad-plan', `step "${stuck.id}" needs itself in the end`);
  return dependents;
}
