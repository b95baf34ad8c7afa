import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AttachParts } from '../runtime/container/containers.ts';
import type { ContainerSpec } from '../state/container.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../state/detach-keys.ts';
import { writeAll } from './answer.ts';
import type { EngineView } from './engine-view.ts';
import { flagOf, type Exchange } from './exchange.ts';
import { frame } from './frames.ts';
import { goneOf, headTaken, streamType, switchOver, takeBytes, typedOn } from './hijack.ts';

/** `POST /containers/{id}/attach?stream=1&stdin=1&stdout=1&stderr=1&logs=1` with `Upgrade: tcp`. */
export async function hijackAttach(engine: EngineView, id: string, query: URLSearchParams, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { name, spec } = engine.container(id);
  const keys = parseDetachKeys(query.get('detachKeys') || DEFAULT_DETACH_KEYS);
  const gone = goneOf(socket);
  await takeBytes(socket, head, Number(request.headers['content-length'] ?? 0));
  const parts = partsOf(query, spec);
  const stdio = await openStdio(engine, name, query, parts, gone);
  engine.events.container('attach', name);
  stdio?.on('error', () => socket.destroy());
  switchOver(socket, spec.tty);
  await headTaken(request);
  if (flagOf(query, 'logs')) await showLogs(engine, name, spec, parts, socket, gone);
  if (stdio === null) {
    socket.end();
    return;
  }
  if (parts.stdin) typedOn(socket, spec.tty ? keys : null, () => engine.events.container('detach', name)).pipe(stdio);
  else socket.resume(); // so that its end is seen
  stdio.pipe(socket);
}

/** The same of a client that asks for no upgrade: output alone. */
export async function attachContainer({ engine, params, query, response, gone }: Exchange): Promise<void> {
  const { name, spec } = engine.container(params['id'] ?? '');
  const parts = { ...partsOf(query, spec), stdin: false };
  const stdio = await openStdio(engine, name, query, parts, gone);
  engine.events.container('attach', name);
  stdio?.on('error', () => response.destroy()); // it may break while the logs are shown, when nobody reads it
  response.writeHead(200, { 'Content-Type': streamType(spec.tty) });
  response.flushHeaders();
  if (flagOf(query, 'logs')) await showLogs(engine, name, spec, parts, response, gone);
  for await (const chunk of stdio ?? []) await writeAll(response, chunk as Buffer, gone);
  response.end();
}

/** The container's stdio where the client wants more than the logs; destroyed when the client goes, or where it has gone meanwhile. */
async function openStdio(engine: EngineView, name: string, query: URLSearchParams, parts: AttachParts, gone: AbortSignal): Promise<Duplex | null> {
  if (!flagOf(query, 'stream')) return null;
  const stdio = await engine.containers.attach(name, parts);
  if (gone.aborted) stdio.destroy();
  else gone.addEventListener('abort', () => stdio.destroy());
  return stdio;
}

function partsOf(query: URLSearchParams, spec: ContainerSpec): AttachParts {
  return { stdin: flagOf(query, 'stdin') && spec.stdinOpen, stdout: flagOf(query, 'stdout'), stderr: flagOf(query, 'stderr') };
}

async function showLogs(engine: EngineView, name: string, spec: ContainerSpec, parts: AttachParts, to: NodeJS.WritableStream, gone: AbortSignal): Promise<void> {
  for await (const { stream, data } of engine.containers.logs(name, { tail: null, follow: false, signal: gone })) {
    if (parts[stream]) await writeAll(to, spec.tty ? data : frame(stream, data), gone);
  }
}
