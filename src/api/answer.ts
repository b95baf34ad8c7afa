import type { ServerResponse } from 'node:http';
import { BayplanError } from '../state/bayplan-error.ts';

const STATUS: Readonly<Record<string, number>> = { 'bad-request': 400, 'bad-reference': 400, 'bad-archive': 400, 'ambiguous': 400, 'not-found': 404, 'image-not-found': 404, 'network-not-found': 404, 'network-in-use': 403, 'forbidden': 403, 'not-connectable': 400, 'not-connected': 500, 'address-taken': 403, 'subnet-taken': 403, 'conflict': 409, 'limit-refused': 409, 'port-taken': 409, 'engine-older': 400, 'client-older': 400, 'record-damaged': 409, 'record-too-new': 409, 'not-running': 409, 'shim-gone': 409, 'registry-denied': 401, 'too-large': 413, 'not-built': 501, 'not-ready': 503, 'no-swarm': 503, 'start-failed': 400 };

/** HTTP status of an error; anything that is no BayplanError is a defect: 500. */
export function statusOf(error: unknown): number {
  return error instanceof BayplanError ? (STATUS[error.code] ?? 500) : 500;
}

/** Docker's clients parse the body only where the type is exactly this, without a charset. */
export const JSON_TYPE = 'application/json';

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, { 'Content-Type': JSON_TYPE, 'Content-Length': bytes.length });
  response.end(bytes);
}

export function sendEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status);
  response.end();
}

/** Body of an error answer: Docker's `message`, and our `code` where there is one. */
export function errorBody(error: unknown): { readonly message: string; readonly code?: string } {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof BayplanError ? { message, code: error.code } : { message };
}

/** Answers with the error, or breaks the connection off where the answer had already begun: a cut stream is no whole one. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else sendJson(response, statusOf(error), errorBody(error));
}

/** Writes and waits until the client has taken it, so that a slow reader costs no memory. Rejects when the client has gone. */
export async function writeAll(stream: NodeJS.WritableStream, chunk: Buffer | string, gone: AbortSignal): Promise<void> {
  gone.throwIfAborted();
  if (stream.write(chunk)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.removeListener('drain', done);
      gone.removeEventListener('abort', done);
      resolve();
    };
    stream.once('drain', done);
    gone.addEventListener('abort', done);
  });
  gone.throwIfAborted();
}
