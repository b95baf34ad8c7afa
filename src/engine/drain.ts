import { setTimeout } from 'node:timers/promises';

const INTERVAL_MS = 50;
/** Looks in a row that find nobody: what was on its way when the last rule was changed has arrived by then. */
const QUIET_LOOKS = 3;

/** Resolves once `connections` has been 0 for a moment, or `atMostMs` have gone; rejects when the signal aborts. */
export async function drained(connections: () => number, atMostMs: number, now: () => number, signal: AbortSignal): Promise<void> {
  const end = now() + atMostMs;
  for (let quiet = 0; ;) {
    quiet = connections() === 0 ? quiet + 1 : 0;
    const left = end - now();
    if (quiet === QUIET_LOOKS || left <= 0) return;
    await setTimeout(Math.min(INTERVAL_MS, left), undefined, { signal });
  }
}
