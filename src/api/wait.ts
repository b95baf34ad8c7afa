import type { EngineView } from './engine-view.ts';
import { param, type Exchange } from './exchange.ts';

/** `POST /containers/{id}/wait?condition=`: the headers go at once, because clients send `start` only after them. */
export async function waitContainer(exchange: Exchange): Promise<void> {
  const { engine, query, response, gone } = exchange;
  const { name, status: before } = engine.container(param(exchange, 'id'));
  const condition = query.get('condition') ?? 'not-running';
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  let last = before?.exitCode ?? 0;
  const code = await seen(engine, () => {
    const status = engine.containers.list().get(name)?.status ?? null;
    if (status === null || status.id !== before?.id) return last;
    last = status.exitCode;
    if (condition === 'removed') return null;
    if (condition === 'next-exit') return status.phase !== 'running' && status.finishedAt > (before?.finishedAt ?? 0) ? status.exitCode : null;
    return status.phase === 'running' ? null : status.exitCode;
  }, gone);
  if (engine.containers.list().get(name)?.spec.autoRemove === false) await engine.containers.flush(); // an end that was told stays known
  response.end(`${JSON.stringify({ StatusCode: code })}\n`);
}

/** Looks now and at each change of a container until `probe` has an answer. Rejects when the client goes. */
function seen<T>(engine: EngineView, probe: () => T | null, gone: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const answer = probe();
      if (answer === null) return;
      off();
      resolve(answer);
    };
    const off = engine.containers.onEvent(look);
    gone.addEventListener('abort', () => {
      off();
      reject(new Error('the client has gone'));
    }, { once: true });
    look();
  });
}
