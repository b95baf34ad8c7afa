import type { Container } from '../state/container.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { containerFilter, CONTAINER_FILTERS } from './container-filters.ts';
import { actual, inspect, stateWord, summary, type ActualContainer } from './container-json.ts';
import { flag, param, type Exchange } from './exchange.ts';
import { parseFilters } from './filters.ts';

/** `GET /containers/json`. Beyond Docker's filters, `stack` and `service` look at the record's own fields. Newest first, as Docker does. */
export async function listContainers(exchange: Exchange): Promise<void> {
  const { engine, query, response } = exchange;
  const filters = parseFilters(query.get('filters'), CONTAINER_FILTERS);
  const passes = containerFilter(filters, { find: (ref) => engine.container(ref), images: engine.images });
  const limit = Number(query.get('limit') || 0);
  if (!Number.isInteger(limit)) throw new BayplanError('bad-request', `limit must be a whole number, not "${query.get('limit') ?? ''}"`);
  const all = flag(exchange, 'all') || limit > 0 || filters.has('status') || filters.has('exited');
  const found: ActualContainer[] = [];
  for (const [name, container] of engine.containers.list()) {
    const one = actual(engine, name, container);
    if (one !== null && (all || one.status.phase === 'running') && passes(one)) found.push(one);
  }
  found.sort((a, b) => b.status.createdAt - a.status.createdAt || (a.name < b.name ? -1 : 1));
  const now = Date.now();
  const shown = limit > 0 ? found.slice(0, limit) : found;
  const sizes = await sizesOf(exchange, shown);
  sendJson(response, 200, shown.map((one) => ({ ...summary(one, now, engine.replacedBinds(one.name)), ...sizes(one) })));
}

/** With `size=1`: bytes that containers have written, and those with what they were made from. */
async function sizesOf(exchange: Exchange, all: readonly ActualContainer[]): Promise<(one: ActualContainer) => object> {
  if (!flag(exchange, 'size')) return () => ({});
  const { containers } = await exchange.engine.diskUsage({ containers: all.map(({ name }) => name), volumes: false });
  return ({ name, image }) => ({ SizeRw: containers.get(name) ?? 0, SizeRootFs: (containers.get(name) ?? 0) + (image?.size ?? 0) });
}

function find({ engine, params }: Exchange): Container & { readonly name: string } {
  return engine.container(params['id'] ?? '');
}

export async function inspectContainer(exchange: Exchange): Promise<void> {
  const { engine, response } = exchange;
  const { name, ...container } = find(exchange);
  const one = actual(engine, name, container);
  if (one === null) throw new BayplanError('not-found', `No such container: ${param(exchange, 'id')}`);
  const sizes = await sizesOf(exchange, [one]);
  sendJson(response, 200, { ...inspect(one, (volume) => (engine.volumes.list().has(volume) ? engine.volumes.mountpoint(volume) : ''), exchange.execs.running(one.status.id)), ...sizes(one) });
}

/** `POST /containers/{id}/stop?t=SECONDS&signal=`: 304 where it does not run. A negative `t` waits for ever. */
export async function stopContainer(exchange: Exchange): Promise<void> {
  const container = find(exchange);
  if (container.status?.phase !== 'running') {
    // Also one that waits for its restart is to stay down, which the engine remembers as a hold.
    await exchange.engine.stopContainer(container.name, null, 0);
    return sendEmpty(exchange.response, 304);
  }
  await exchange.engine.stopContainer(container.name, exchange.query.get('signal'), graceOf(exchange, container));
  sendEmpty(exchange.response, 204);
}

export async function startContainer(exchange: Exchange): Promise<void> {
  const container = find(exchange);
  if (container.status?.paused === true) throw new BayplanError('conflict', `cannot start container ${container.name}, which is paused: unpause it instead`);
  if (container.status?.phase === 'running') return sendEmpty(exchange.response, 304);
  try {
    await exchange.engine.startContainer(container.name);
  } catch (error) {
    throw startFailure(error);
  }
  sendEmpty(exchange.response, 204);
}

/** Docker's client tells by these words that the command is not there, and exits with 127; others by theirs that a port is taken. */
function startFailure(error: unknown): unknown {
  if (error instanceof BayplanError && error.code === 'port-taken') return new BayplanError(error.code, `${error.message} (port is already allocated)`);
  if (!(error instanceof BayplanError && error.code === 'start-failed' && /not found in the container|interpreter is not/.test(error.message))) return error;
  return error.message.includes('executable file not found') ? error : new BayplanError(error.code, `${error.message}: executable file not found`);
}

export async function restartContainer(exchange: Exchange): Promise<void> {
  const container = find(exchange);
  try {
    await exchange.engine.restartContainer(container.name, exchange.query.get('signal'), graceOf(exchange, container));
  } catch (error) {
    throw startFailure(error);
  }
  sendEmpty(exchange.response, 204);
}

/** `POST /containers/{id}/kill?signal=`. SIGKILL and the container's stop signal are a person's stop and held; any other signal is the container's own affair. */
export async function killContainer(exchange: Exchange): Promise<void> {
  const container = findToKill(exchange);
  const waits = container.status !== null && stateWord(container.status) === 'restarting'; // its end is that it is not started again
  if (container.status?.phase !== 'running' && !waits) throw new BayplanError('not-running', `cannot kill container: ${container.name}: it is not running`);
  const signal = exchange.query.get('signal') ?? 'SIGKILL';
  if (waits || /^(SIG)?KILL$|^9$/i.test(signal)) await exchange.engine.stopContainer(container.name, 'SIGKILL', 0);
  else await exchange.engine.signalContainer(container.name, signal);
  sendEmpty(exchange.response, 204);
}

function findToKill(exchange: Exchange): ReturnType<typeof find> {
  try {
    return find(exchange);
  } catch (error) {
    throw error instanceof BayplanError ? new BayplanError(error.code, `cannot kill container: ${exchange.params['id'] ?? ''}: ${error.message}`) : error; // Docker's words
  }
}

/** `POST /containers/{id}/pause`: 409 where it is paused already, or does not run. */
export async function pauseContainer(exchange: Exchange): Promise<void> {
  await exchange.engine.pauseContainer(find(exchange).name, true);
  sendEmpty(exchange.response, 204);
}

/** `POST /containers/{id}/unpause` */
export async function unpauseContainer(exchange: Exchange): Promise<void> {
  await exchange.engine.pauseContainer(find(exchange).name, false);
  sendEmpty(exchange.response, 204);
}

function graceOf({ query }: Exchange, container: Container): number {
  const text = query.get('t') ?? query.get('timeout');
  if (text === null) return container.spec.stopGracePeriodMs;
  const seconds = Number(text);
  if (!Number.isInteger(seconds)) throw new BayplanError('bad-request', `t must be a whole number of seconds, not "${text}"`);
  return seconds < 0 ? Number.MAX_SAFE_INTEGER : seconds * 1000;
}
