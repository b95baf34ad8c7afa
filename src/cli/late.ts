import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';

/** What is said when the time of `--wait-timeout` is over: which services are not ready, and how each stands. */
export async function late(client: EngineClient, stack: string, seconds: number): Promise<BayplanError> {
  const { containers } = (await client.stack(stack)).actual;
  const waiting = Object.values(containers).flatMap((container) => {
    const state = unready(container);
    return state === null || container.identity.owner !== 'stack' ? [] : [`${container.identity.service} (${state})`];
  });
  const who = waiting.length === 0 ? 'not all services are there yet' : `not ready: ${[...new Set(waiting)].sort().join(', ')}`;
  return new BayplanError('timeout', `the services are not all healthy after ${seconds} s; ${who}; they are left running`);
}

/** Null for one that is healthy, runs without a check, or has ended well. */
function unready({ status }: Container): string | null {
  if (status === null || status.phase === 'created') return 'not started';
  if (status.restartAt > 0) return 'restarting';
  if (status.phase === 'running') return status.health === 'starting' || status.health === 'unhealthy' ? status.health : null;
  return status.exitCode === 0 ? null : `ended with code ${status.exitCode}`;
}
