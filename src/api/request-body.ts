import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';

/** A stack of thousands of services is below this. */
const LIMIT = 16 * 1024 * 1024;

/** The whole body as text. Rejects with `too-large` beyond 16 MiB. */
export async function readText(request: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > LIMIT) throw new BayplanError('too-large', `the body of the request is larger than ${LIMIT} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

/** The body as JSON of the schema's shape. Rejects with `bad-request`, naming the first place that is wrong, or the type that a body is said to be of that is not JSON. */
export async function readBody<S extends z.ZodType>(request: IncomingMessage, schema: S): Promise<z.infer<S>> {
  const text = await readText(request);
  const type = request.headers['content-type'];
  if (text !== '' && type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) throw new BayplanError('bad-request', `unsupported Content-Type header (${type}): must be 'application/json'`);
  return parseBody(text, schema);
}

export function parseBody<S extends z.ZodType>(text: string, schema: S): z.infer<S> {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw refusal(parsed.error);
}

/** Nothing is an empty object. */
export function parseJson(text: string): unknown {
  try {
    return text.trim() === '' ? {} : JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new BayplanError('bad-request', /after JSON/.test(why) ? `unexpected content after JSON: ${why}` : `invalid JSON: ${why}`);
  }
}

/** Names the first place that is wrong. */
export function refusal({ issues: [issue] }: z.ZodError): BayplanError {
  const where = issue === undefined || issue.path.length === 0 ? 'body' : issue.path.join('.');
  return new BayplanError('bad-request', `the request is wrong at ${where}: ${issue?.message ?? 'unknown'}`);
}

/** What is thrown away before an answer that does not depend on it. */
const REST_LIMIT = 1024 * 1024;
const REST_MS = 1000;

/**
 * Takes what was not read of a request's body, up to 1 MiB and for a second: a connection that is closed with bytes unread is reset, and its client may lose the answer.
 * Larger ones are an upload that is refused in its middle.
 */
export async function takeRest(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed || Number(request.headers['content-length'] ?? 0) > REST_LIMIT) return;
  const enough = AbortSignal.timeout(REST_MS);
  await new Promise<void>((resolve) => {
    let taken = 0;
    const done = (): void => {
      request.off('data', take).off('end', done).off('close', done);
      enough.removeEventListener('abort', done);
      resolve();
    };
    const take = (chunk: Buffer): void => {
      taken += chunk.length;
      if (taken > REST_LIMIT) done();
    };
    request.on('data', take).once('end', done).once('close', done);
    enough.addEventListener('abort', done);
  });
}
