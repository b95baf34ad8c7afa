import type { ConsoleSize } from '../runtime/container/containers.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendEmpty } from './answer.ts';
import { param, type Exchange } from './exchange.ts';

/** `POST /containers/{id}/resize?h=ROWS&w=COLUMNS`. May come before the container runs. */
export async function resizeContainer(exchange: Exchange): Promise<void> {
  const { engine, query, response } = exchange;
  const { name } = engine.container(param(exchange, 'id'));
  const size = sizeOf(query);
  await engine.containers.resize(name, size);
  engine.events.container('resize', name, { height: String(size.height), width: String(size.width) });
  sendEmpty(response, 200);
}

/** `POST /exec/{id}/resize?h=ROWS&w=COLUMNS`. May come before the command runs. */
export async function resizeExec(exchange: Exchange): Promise<void> {
  const { execs, query, response } = exchange;
  execs.resize(param(exchange, 'id'), sizeOf(query));
  sendEmpty(response, 201);
}

/** Docker's `ConsoleSize`, `[rows, columns]`; null where it says nothing. */
export function consoleSizeOf(size: readonly [number, number] | null | undefined): ConsoleSize | null {
  return size === null || size === undefined || size[0] === 0 || size[1] === 0 ? null : { height: size[0], width: size[1] };
}

function sizeOf(query: URLSearchParams): ConsoleSize {
  const [height = NaN, width = NaN] = ['h', 'w'].map((name) => Number(query.get(name) ?? 'none'));
  const fits = (size: number): boolean => Number.isInteger(size) && size >= 0 && size <= 65535;
  if (!fits(height) || !fits(width)) throw new BayplanError('bad-request', `h and w must be a terminal's rows and columns, not "${query.get('h') ?? ''}" and "${query.get('w') ?? ''}"`);
  return { height, width };
}
