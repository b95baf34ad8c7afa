import { planShutdown } from '../plan/shutdown.ts';
import { apply, type StepEvent } from '../reconcile/apply.ts';
import type { Executor } from '../reconcile/executor.ts';
import type { Container } from '../state/container.ts';

/** A stop is a wait, most of it. */
const STOPS_AT_ONCE = 64;

/** Stops all that runs, for the machine to go down. Answers how many were stopped, and what could not be, a line each. */
export async function stopAll(containers: ReadonlyMap<string, Container>, executor: Executor): Promise<{ readonly stopped: number; readonly failures: readonly string[] }> {
  const failures: string[] = [];
  const onStep = ({ id, state, message }: StepEvent): void => {
    if (state === 'done' && message !== '') failures.push(`${id}: ${message}`); // each of these steps is optional
  };
  const { done } = await apply(planShutdown(containers), executor, { concurrency: STOPS_AT_ONCE, signal: new AbortController().signal, onStep, onProgress: () => undefined });
  return { stopped: done.length - failures.length, failures };
}
