import { setTimeout as sleep } from 'node:timers/promises';

/** How often the engine's records, which are in memory, are looked at. */
const EVERY_MS = 50;

/** Looks until `probe` has an answer that is not null. Rejects when the signal aborts. */
export async function until<T>(probe: () => T | null, gone: AbortSignal): Promise<T> {
  for (;;) {
    const answer = probe();
    if (answer !== null) return answer;
    await sleep(EVERY_MS, undefined, { signal: gone });
  }
}
