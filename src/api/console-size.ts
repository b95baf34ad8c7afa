import type { ConsoleSize } from '../runtime/container/containers.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendEmpty } from './answer.ts';
import { param, type Exchange } from './exchange.ts';

/** `POST /containers/{id}/resize?h=ROWS&w=COLUMNS`: 409 where it has ended. May come before it runs. */
export async function resizeContainer(exchange: Exchange): Promise<void> {
  const { engine, query, response } = exchange;
  const size = sizeOf(query);
  const { name, status } = engine.container(param(exchange, 'id'));
  if (status?.phase !== 'running' && status?.phase !== 'created') throw notRunning(status?.id ?? name);
  await engine.containers.resize(name, size);
  engine.events.container('resize', name, { height: String(size.height), width: String(size.width) });
  sendEmpty(response, 200);
}

/** `POST /exec/{id}/resize?h=ROWS&w=COLUMNS`. May come before the command runs. */
export async function resizeExec(exchange: Exchange): Promise<void> {
  const { engine, execs, query, response } = exchange;
  const size = sizeOf(query);
  const { containerId } = execs.get(param(exchange, 'id'));
  if (engine.container(containerId).status?.phase !== 'running') throw notRunning(containerId);
  execs.resize(param(exchange, 'id'), size);
  sendEmpty(response, 201);
}

function notRunning(id: string): BayplanError {
  return new BayplanError('conflict', `container ${id} is not running`);
}

/** Docker's `ConsoleSize`, `[rows, columns]`; null where it says nothing. */
export function consoleSizeOf(size: readonly [number, number] | null | undefined): ConsoleSize | null {
  return size === null || size === undefined || size[0] === 0 || size[1] === 0 ? null : { height: size[0], width: size[1] };
}

function sizeOf(query: URLSearchParams): ConsoleSize {
  return { height: lengthOf('height', query.get('h') ?? ''), width: lengthOf('width', query.get('w') ?? '') };
}

/** What is wrong is told in Docker's words. */
function lengthOf(what: 'height' | 'width', text: string): number {
  const wrong = !/^-?\d+$/.test(text) ? 'invalid syntax' : Number(text) < 0 || Number(text) > 65535 ? 'value out of range' : null;
  if (wrong !== null) throw new BayplanError('bad-request', `invalid resize ${what} "${text}": ${wrong}`);
  return Number(text);
}
