import * as z from 'zod';
import type { Job } from '../state/job.ts';

const Slot = z.number().nullable();

/**
 * Where a service with a schedule is. `slot` and `attempt` are those of the run that is under way, or tried again at `retryAt`; `waiting` are slots that come after it. A slot is ms since the
 * epoch, null: somebody asked for it.
 */
export const JobState = z.strictObject({
  phase: z.enum(['idle', 'running', 'stopping', 'retrying']),
  slot: Slot,
  attempt: z.int().nonnegative(),
  retryAt: z.number(),
  waiting: z.array(Slot),
});
export type JobState = z.infer<typeof JobState>;

export type JobEvent =
  /** A slot has come, or somebody asks for a run. */
  | { readonly type: 'due'; readonly slot: number | null }
  | { readonly type: 'ended'; readonly ok: boolean; readonly at: number }
  /** It is time to try again. */
  | { readonly type: 'retry' }
  /** A person has stopped the service. */
  | { readonly type: 'held' };

/** `start` begins a run as the next state has it; `stop` ends the one that is under way; `skip`: this slot is passed over. */
export type JobAction = 'start' | 'stop' | 'skip' | null;

export const IDLE: JobState = { phase: 'idle', slot: null, attempt: 0, retryAt: 0, waiting: [] };

/** So many slots wait at the most; more are passed over. */
export const MOST_WAITING = 100;

const FIRST_RETRY_MS = 1000;
/** No attempt is further away. */
export const LONGEST_RETRY_MS = 60_000;

/**
 * The table:
 *
 * | state    | due, skip | due, queue | due, replace        | ended well   | ended badly          | retry        | held              |
 * |----------|-----------|------------|---------------------|--------------|----------------------|--------------|-------------------|
 * | idle     | start     | start      | start               | –            | –                    | –            | –                 |
 * | running  | skip      | waits      | stopping, stop      | next or idle | retrying, or as well | –            | stopping, stop    |
 * | stopping | skip      | waits      | waits, as the one   | next or idle | next or idle         | –            | none waits        |
 * | retrying | skip      | waits      | start, of that slot | –            | –                    | running, start | idle            |
 *
 * `–`: it comes too late, and changes nothing. A run that failed is tried again after a second, then after two, four and so on, up to a minute.
 */
export function afterJobEvent(state: JobState, event: JobEvent, job: Pick<Job, 'overlap' | 'retries'>): { readonly state: JobState; readonly action: JobAction } {
  const same = { state, action: null };
  switch (event.type) {
    case 'due': {
      if (state.phase === 'idle') return started(event.slot, []);
      if (job.overlap === 'skip') return { state, action: 'skip' };
      if (job.overlap === 'queue') return state.waiting.length >= MOST_WAITING ? { state, action: 'skip' } : { state: { ...state, waiting: [...state.waiting, event.slot] }, action: null };
      if (state.phase === 'retrying') return started(event.slot, []);
      return { state: { ...state, phase: 'stopping', waiting: [event.slot] }, action: state.phase === 'running' ? 'stop' : null };
    }
    case 'ended': {
      if (state.phase !== 'running' && state.phase !== 'stopping') return same;
      if (state.phase === 'running' && !event.ok && state.attempt <= job.retries) return { state: { ...state, phase: 'retrying', retryAt: event.at + Math.min(FIRST_RETRY_MS * 2 ** (state.attempt - 1), LONGEST_RETRY_MS) }, action: null };
      const [next, ...waiting] = state.waiting;
      return next === undefined ? { state: IDLE, action: null } : started(next, waiting);
    }
    case 'held': {
      if (state.phase === 'idle' || state.phase === 'retrying') return { state: IDLE, action: null };
      return { state: { ...state, phase: 'stopping', waiting: [] }, action: state.phase === 'running' ? 'stop' : null };
    }
    case 'retry': return state.phase === 'retrying' ? { state: { ...state, phase: 'running', attempt: state.attempt + 1, retryAt: 0 }, action: 'start' } : same;
  }
}

function started(slot: number | null, waiting: (number | null)[]): { readonly state: JobState; readonly action: JobAction } {
  return { state: { phase: 'running', slot, attempt: 1, retryAt: 0, waiting }, action: 'start' };
}
