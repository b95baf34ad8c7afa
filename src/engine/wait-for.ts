import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import { checkOf } from '../runtime/container/health-check.ts';
import type { Images } from '../runtime/image/images.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';

/** How long a container without a health check has to run to count as ready. */
const STEADY_MS = 1000;
/** Restarts after which waiting for a container is given up. */
const HOPELESS_RESTARTS = 3;
/** How often one that is to stay as it is is looked at. */
const STEADY_LOOK_MS = 100;

/** What can be waited for. `ready`: healthy, where it has a check; else running for a second without an end; or ended with 0. `serving`: the same, but for an end. */
export type Condition = 'started' | 'healthy' | 'completed' | 'ready' | 'serving';

/** What has to be so beside: it stays as it is for `steadyMs`, and the containers of `beside` are so then. */
export interface Also { readonly steadyMs?: number | undefined; readonly beside?: readonly string[] | undefined }

/** Where waiting looks. */
export interface Watched {
  readonly containers: Pick<ContainerStore, 'get' | 'onEvent'>;
  readonly images: Images;
  readonly now: () => number;
}

/** What a look comes to; a number: ms after which to look again though nothing has happened. */
type Outcome = 'reached' | 'waiting' | BayplanError | number;

/** Resolves when the container is so; rejects, with its last output, when it can no longer become so, or one beside it cannot. */
export async function waitFor(watched: Watched, name: string, until: Condition, signal: AbortSignal, { steadyMs = 0, beside = [] }: Also = {}): Promise<void> {
  await becomes(watched, name, until, signal);
  if (steadyMs > 0) await staysSo(watched, name, until, signal, steadyMs);
  for (const other of beside) await becomes(watched, other, until, signal);
}

async function staysSo(watched: Watched, name: string, until: Condition, signal: AbortSignal, steadyMs: number): Promise<void> {
  const { containers, now } = watched;
  const { restarts } = containers.get(name)?.status ?? {};
  const end = now() + steadyMs;
  while (now() < end) {
    await setTimeoutPromise(Math.min(STEADY_LOOK_MS, end - now()), undefined, { signal });
    if (containers.get(name)?.status?.restarts !== restarts) throw new BayplanError('restarting', `container ${name} has ended and was restarted; see its logs`);
    await becomes(watched, name, until, signal);
  }
}

function becomes(watched: Watched, name: string, until: Condition, signal: AbortSignal): Promise<void> {
  const { containers } = watched;
  return new Promise((resolve, reject) => {
    let again: NodeJS.Timeout | undefined;
    const look = (): void => {
      const container = containers.get(name);
      clearTimeout(again);
      const outcome = until === 'ready' || until === 'serving' ? ready(watched, name, container, until) : reached(name, container, until);
      if (typeof outcome === 'number') again = setTimeout(look, outcome);
      if (outcome === 'waiting' || typeof outcome === 'number') return;
      off();
      signal.removeEventListener('abort', aborted);
      if (outcome === 'reached') resolve();
      else reject(outcome);
    };
    const aborted = (): void => {
      clearTimeout(again);
      off();
      reject(new BayplanError('cancelled', `the wait for ${name} was cancelled`));
    };
    const off = containers.onEvent((_event, changed) => {
      if (changed === name) look();
    });
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted, { once: true });
    look();
  });
}

function ready({ images, now }: Watched, name: string, container: Container | null, until: 'ready' | 'serving'): Outcome {
  const status = container?.status;
  if (container !== null && status !== null && status !== undefined) {
    if (status.restarts >= HOPELESS_RESTARTS) return new BayplanError('restarting', `container ${name} keeps ending (last with code ${status.exitCode}) and being restarted; see its logs`);
    const checked = checkOf(container.spec, images) !== null;
    if (status.phase === 'running' && checked && status.health === 'none') return 'waiting'; // it has just been started again
    if (status.phase === 'running' && !checked) {
      const left = status.startedAt + STEADY_MS - now();
      return left <= 0 ? 'reached' : left;
    }
  }
  return reached(name, container, until);
}

function reached(name: string, container: Container | null, until: Condition): Outcome {
  const status = container?.status;
  if (container === null || status === null || status === undefined) return new BayplanError('not-found', `container ${name} is gone`);
  const ended = (status.phase === 'exited' || status.phase === 'lost') && status.restartAt === 0;
  if (until === 'completed') {
    if (!ended) return 'waiting';
    return status.exitCode === 0 ? 'reached' : new BayplanError('exited', `container ${name} ended with code ${status.exitCode}${status.oomKilled ? ' (out of memory)' : ''}; see its logs`);
  }
  if (until === 'started' && status.phase === 'running') return 'reached';
  if ((until === 'started' || until === 'ready') && ended && status.exitCode === 0 && status.startedAt > 0) return 'reached';
  if (ended) return new BayplanError('exited', `container ${name} ended with code ${status.exitCode}${status.oomKilled ? ' (out of memory)' : ''}; see its logs`);
  if (status.phase !== 'running' || until === 'started') return 'waiting';
  if (status.health === 'healthy') return 'reached';
  if (status.health === 'none') return new BayplanError('no-healthcheck', `container ${name} has no health check, so it cannot become healthy`);
  if (status.health === 'unhealthy') return new BayplanError('unhealthy', `container ${name} is unhealthy: ${lastLine(status.healthOutput)}`);
  return 'waiting';
}

/** Error messages are one line: the last one the check wrote. */
function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1) || 'its health check wrote nothing';
}
