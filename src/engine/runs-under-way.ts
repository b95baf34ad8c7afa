import { BayplanError } from '../state/bayplan-error.ts';

/** A timer takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface UnderWay { readonly timeout: NodeJS.Timeout | null; readonly over: AbortController }

/** Runs of services with schedules that begin or run, by container: their timeouts, and what ends what they wait for before they have begun. */
export class RunsUnderWay {
  readonly #runs = new Map<string, UnderWay>();
  readonly #now: () => number;
  readonly #expired: (container: string, timeoutMs: number) => void;

  constructor(now: () => number, expired: (container: string, timeoutMs: number) => void) {
    this.#now = now;
    this.#expired = expired;
  }

  /** `timeoutMs` counts from `since`; 0: none. The signal tells that the run is not to begin. */
  add(container: string, timeoutMs: number, since = this.#now()): AbortSignal {
    const over = new AbortController();
    const left = Math.min(Math.max(since + timeoutMs - this.#now(), 0), LONGEST_TIMER_MS);
    this.#runs.set(container, { over, timeout: timeoutMs === 0 ? null : setTimeout(() => this.#expired(container, timeoutMs), left) });
    return over.signal;
  }

  /** Keeps a run from beginning. */
  cancel(container: string, why: string): void {
    this.#runs.get(container)?.over.abort(new BayplanError('cancelled', why));
  }

  /** Whether the signal is the run's that is under way: another of its name may be. */
  is(container: string, over: AbortSignal): boolean {
    return this.#runs.get(container)?.over.signal === over;
  }

  drop(container: string): void {
    const timeout = this.#runs.get(container)?.timeout ?? null;
    if (timeout !== null) clearTimeout(timeout);
    this.#runs.delete(container);
  }

  close(): void {
    for (const [container, { over }] of this.#runs) {
      over.abort();
      this.drop(container);
    }
  }
}
