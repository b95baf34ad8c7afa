import { describe, expect, it } from 'vitest';
import { afterProbe, freshHealth, nextLook, probeCommand, type HealthState } from '../../src/engine/health-machine.ts';
import { isDisabled } from '../../src/runtime/container/health-check.ts';
import type { Healthcheck } from '../../src/state/container.ts';

const check: Healthcheck = { test: ['CMD', 'true'], intervalMs: 10_000, timeoutMs: 1000, startPeriodMs: 5000, startIntervalMs: 2000, retries: 2 };
const state = (health: HealthState['health'], failures: number, countedAt: number): HealthState => ({ health, failures, countedAt, looks: 1 });

describe('the table of a health check', () => {
  it.each([
    ['starting', 0, true, 100, 'healthy', 0],
    ['starting', 0, false, 100, 'starting', 0],       // in the start period
    ['starting', 0, false, 4999, 'starting', 0],
    ['starting', 0, false, 20_000, 'starting', 1],
    ['starting', 1, false, 20_000, 'unhealthy', 2],
    ['healthy', 0, true, 20_000, 'healthy', 0],
    ['healthy', 0, false, 100, 'healthy', 1],
    ['healthy', 1, false, 20_000, 'unhealthy', 2],
    ['unhealthy', 2, false, 20_000, 'unhealthy', 3],
    ['unhealthy', 2, true, 20_000, 'healthy', 0],
  ] as const)('%s with %i failures, passed %s at %i ms → %s with %i', (from, failures, passed, at, to, after) => {
    const next = afterProbe(state(from, failures, 0), passed, at, check);
    expect([next.health, next.failures]).toEqual([to, after]);
  });

  it('counts early failures of a start once an interval', () => {
    const once = afterProbe(state('starting', 0, 0), false, 10_000, check);
    const again = afterProbe(once, false, 10_400, check);
    expect([once.failures, again.failures]).toEqual([1, 1]);
    // The start period is over at its very end: whatever fails from then on counts.
    const short = { ...check, intervalMs: 1000 };
    expect([4999, 5000].map((at) => afterProbe(freshHealth, false, at, short).failures)).toEqual([0, 1]);
  });
});

it('looks soon and then less often while starting, then once an interval', () => {
  expect([0, 1, 2, 5].map((looks) => nextLook({ ...freshHealth, looks }, check))).toEqual([100, 200, 400, 2000]);
  expect(nextLook(state('healthy', 0, 0), check)).toBe(10_000);
});

it('runs CMD as it is and CMD-SHELL through the shell', () => {
  expect(probeCommand(check)).toEqual(['true']);
  expect(probeCommand({ ...check, test: ['CMD-SHELL', 'a || b'] })).toEqual(['/bin/sh', '-c', 'a || b']);
  expect([isDisabled(null), isDisabled({ ...check, test: ['NONE'] }), isDisabled(check)]).toEqual([true, true, false]);
});
