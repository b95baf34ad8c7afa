import type { RestartPolicy } from '../state/container.ts';

export interface Ended {
  readonly exitCode: number;
  /** A person, or a pass, stopped it. */
  readonly asked: boolean;
  /** Restarts since it was last started by somebody. */
  readonly restarts: number;
  /** How long it had been running, ms. */
  readonly ranMs: number;
  /** The delay before the restart that began this run; 0: it was started by somebody. */
  readonly lastDelayMs: number;
}

/**
 * Whether the policy starts a container again, and after how many ms; null: it stays as it is. As Docker does: 100 ms, doubled each time up to a
 * minute, from the beginning once it ran for ten seconds; or after the policy's own delay.
 *
 * | policy         | asked to stop | exit 0 | exit ≠ 0              |
 * |----------------|---------------|--------|-----------------------|
 * | no             | stays         | stays  | stays                 |
 * | on-failure     | stays         | stays  | restarts ≤ maxRetries |
 * | always         | stays         | again  | again                 |
 * | unless-stopped | stays         | again  | again                 |
 */
export function restartDelay(policy: RestartPolicy, ended: Ended): number | null {
  if (ended.asked || policy.policy === 'no') return null;
  if (policy.policy === 'on-failure') {
    if (ended.exitCode === 0) return null;
    if (policy.maxRetries > 0 && countedRestarts(policy, ended) >= policy.maxRetries) return null;
  }
  if (policy.delayMs !== null) return Math.min(policy.delayMs, LONGEST_TIMER_MS);
  if (ended.ranMs >= STEADY_MS || ended.lastDelayMs === 0) return FIRST_MS;
  return Math.min(ended.lastDelayMs * 2, LONGEST_MS);
}

/** Restarts that count against the policy's retries: none before a run that was long enough. */
export function countedRestarts({ windowMs }: RestartPolicy, { restarts, ranMs }: Pick<Ended, 'restarts' | 'ranMs'>): number {
  return windowMs !== null && windowMs > 0 && ranMs >= windowMs ? 0 : restarts;
}

/** setTimeout fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const FIRST_MS = 100;
const LONGEST_MS = 60_000;
const STEADY_MS = 10_000;
