import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { TryLater } from './attempts.ts';
import type { RegistryLimits } from './limits.ts';
import { paced } from './paced.ts';

const Failure = z.looseObject({ errors: z.array(z.looseObject({ code: z.string().optional(), message: z.string().optional() })).min(1) });

/** A body that has to be small. Throws `registry-answer` where it is larger than `limit` bytes. */
export async function readSmall(answer: IncomingMessage, host: string, limit: number, limits: RegistryLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of paced(answer, host, limits)) {
    size += chunk.length;
    if (size > limit) throw new BayplanError('registry-answer', `registry ${host} answers with more than the ${limit} bytes that were to be expected`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Lets go of a body that nobody reads; its connection serves again where it is short and comes soon. */
export function discard(answer: IncomingMessage, limits: RegistryLimits): void {
  answer.on('error', () => undefined); // nobody waits for it
  if (Number(answer.headers['content-length'] ?? Number.POSITIVE_INFINITY) > 64 * 1024) answer.destroy();
  else answer.setTimeout(limits.answerMs, () => answer.destroy()).resume();
}

/**
 * What an answer of 4xx or 5xx means (distribution specification, "Error Codes"). `what` was asked for: `image nginx:9`. `known`: credentials were sent.
 * Codes: `registry-denied`, `image-not-found`, `registry-busy` and `registry-failed` (retryable), `registry-answer`.
 */
export async function answerError(answer: IncomingMessage, host: string, what: string, known: boolean, limits: RegistryLimits): Promise<BayplanError> {
  const status = answer.statusCode ?? 0;
  const said = await reason(answer, host, limits);
  if (status === 401 || status === 403) {
    const hint = known ? 'the credentials that were given do not allow it' : loginHint(host);
    return new BayplanError('registry-denied', `${what}: registry ${host} refuses it (${said}); it does not exist, or ${hint}`);
  }
  if (status === 404) return new BayplanError('image-not-found', `${what}: registry ${host} has no such image (${said})`);
  if (status === 429) return new TryLater(`registry ${host} takes no more requests for now (${said})`, retryAfter(answer));
  if (status === 503) return new TryLater(`registry ${host} is not available (${said})`, retryAfter(answer));
  if (status >= 500 || status === 408) return new BayplanError('registry-failed', `${what}: registry ${host} has failed (${said})`, { retryable: true });
  return new BayplanError('registry-answer', `${what}: registry ${host} answers ${said}`);
}

export function loginHint(host: string): string {
  return `log in with "bayplan login${host === 'docker.io' ? '' : ` ${host}`}"`;
}

/** `404: manifest unknown`; what a registry says is shown in one line and no control characters. */
async function reason(answer: IncomingMessage, host: string, limits: RegistryLimits): Promise<string> {
  const status = String(answer.statusCode ?? 0);
  try {
    const parsed = Failure.safeParse(JSON.parse((await readSmall(answer, host, 64 * 1024, limits)).toString()));
    const first = parsed.data?.errors[0];
    const words = (first?.message ?? first?.code ?? '').replace(/[\p{C}\s]+/gu, ' ').trim().slice(0, 200);
    return words === '' ? status : `${status}: ${words}`;
  } catch {
    return status; // no JSON, or cut: the status says it
  }
}

function retryAfter(answer: IncomingMessage): number {
  const text = answer.headers['retry-after'] ?? '';
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now());
}
