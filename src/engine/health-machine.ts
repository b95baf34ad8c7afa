import type { Health, Healthcheck } from '../state/container.ts';

/** What a health check has come to. Times in ms since the container's start. */
export interface HealthState {
  readonly health: Health;
  /** Failures in a row that count. */
  readonly failures: number;
  /** When the last failure counted; the early looks of a start count only once an interval. */
  readonly countedAt: number;
  readonly looks: number;
}

export const freshHealth: HealthState = { health: 'starting', failures: 0, countedAt: 0, looks: 0 };

/**
 * The table (Docker's, with earlier looks while starting):
 *
 * | state     | passed  | failed in the start period | failed, fewer than retries | failed, retries reached |
 * |-----------|---------|----------------------------|----------------------------|-------------------------|
 * | starting  | healthy | starting                   | starting                   | unhealthy               |
 * | healthy   | healthy | healthy, counted           | healthy                    | unhealthy               |
 * | unhealthy | healthy | unhealthy                  | unhealthy                  | unhealthy               |
 *
 * While starting, a failure counts at most once an interval: looking early may find a container healthy sooner, never unhealthy sooner.
 */
export function afterProbe(state: HealthState, passed: boolean, at: number, check: Healthcheck): HealthState {
  const looks = state.looks + 1;
  if (passed) return { health: 'healthy', failures: 0, countedAt: at, looks };
  if (state.health === 'starting') {
    if (at < check.startPeriodMs) return { ...state, countedAt: at, looks };
    if (at - state.countedAt < check.intervalMs) return { ...state, looks };
  }
  const failures = state.failures + 1;
  return { health: failures >= check.retries ? 'unhealthy' : state.health, failures, countedAt: at, looks };
}

/** How long until the next look: soon and then less often while starting, the interval after that. */
export function nextLook(state: HealthState, check: Healthcheck): number {
  if (state.health !== 'starting') return check.intervalMs;
  return Math.min(FIRST_LOOK_MS * 2 ** Math.min(state.looks, 16), check.startIntervalMs, check.intervalMs);
}

const FIRST_LOOK_MS = 100;

/** The command to run in the container. `CMD-SHELL` goes through the shell of the image, as Docker does. */
export function probeCommand(check: Healthcheck): readonly string[] {
  return check.test[0] === 'CMD-SHELL' ? ['/bin/sh', '-c', check.test.slice(1).join(' ')] : check.test.slice(1);
}
