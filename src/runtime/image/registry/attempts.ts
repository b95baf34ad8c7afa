import { setTimeout as sleep } from 'node:timers/promises';
import { BayplanError } from '../../../state/bayplan-error.ts';
import type { RegistryLimits } from './limits.ts';

const LONGEST_MS = 60_000;

/** Counts the failures of one piece of work, and waits longer after each. */
export class Attempts {
  readonly #limits: RegistryLimits;
  readonly #signal: AbortSignal;
  readonly #onRetry: (why: string) => void;
  #failures = 0;

  /** `onRetry` hears before each wait why, and how often it is tried. */
  constructor(limits: RegistryLimits, signal: AbortSignal, onRetry: (why: string) => void) {
    this.#limits = limits;
    this.#signal = signal;
    this.#onRetry = onRetry;
  }

  /** Returns when it is time to try again. Throws the error where that is of no use, or was done often enough. */
  async failed(error: unknown): Promise<void> {
    this.#signal.throwIfAborted();
    if (!(error instanceof BayplanError) || !error.retryable) throw error;
    const attempts = error.code === 'registry-stalled' ? Math.min(this.#limits.stalls, this.#limits.attempts) : this.#limits.attempts;
    if (++this.#failures >= attempts) throw error;
    const asked = error instanceof TryLater ? error.afterMs : 0;
    // Spread out, so that those who were refused together do not come back together.
    const own = this.#limits.backoffMs * 2 ** (this.#failures - 1) * (0.75 + Math.random() / 2);
    const wait = Math.min(LONGEST_MS, Math.max(asked, own));
    this.#onRetry(`${error.message}; retrying in ${(wait / 1000).toFixed(wait < 10_000 ? 1 : 0)} s (${this.#failures + 1} of ${attempts})`);
    await sleep(wait, undefined, { signal: this.#signal });
  }

  /** Something was achieved: the next failure is a first one. */
  progressed(): void {
    this.#failures = 0;
  }
}

/** The registry says when it may be asked again (429 and 503 with Retry-After). */
export class TryLater extends BayplanError {
  readonly afterMs: number;

  constructor(message: string, afterMs: number) {
    super('registry-busy', message, { retryable: true });
    this.afterMs = afterMs;
  }
}

/** Does it until it succeeds, fails for good, or has failed too often. */
export async function retry<T>(work: () => Promise<T>, limits: RegistryLimits, signal: AbortSignal, onRetry: (why: string) => void): Promise<T> {
  const attempts = new Attempts(limits, signal, onRetry);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await attempts.failed(error);
    }
  }
}
