import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { discard } from './answers.ts';
import type { Agents } from './agents.ts';
import { isLoopback } from './endpoints.ts';
import type { RegistryLimits } from './limits.ts';
import { proxyAuthorization } from './proxies.ts';
import { unreachable } from './tunnel-agent.ts';

export interface Outgoing {
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  /** Made anew for each place that a redirect leads to. */
  readonly body?: () => Readable | Buffer;
  /** The body is for the addressed server alone: a redirect is an error. */
  readonly secretBody?: boolean;
  readonly signal: AbortSignal;
}

const REDIRECTS = 5;

/**
 * Sends one request, following redirects; credentials never follow to another origin, a secret body nowhere, nor anything from TLS to plain HTTP. Throws BayplanError
 * `registry-unreachable` (retryable) and `registry-tls`; an answer of any status is an answer.
 */
export class Transport {
  readonly #agents: Agents;
  readonly #limits: RegistryLimits;

  constructor(agents: Agents, limits: RegistryLimits) {
    this.#agents = agents;
    this.#limits = limits;
  }

  async send(address: string, outgoing: Outgoing): Promise<IncomingMessage> {
    let url = new URL(address);
    let { headers } = outgoing;
    for (let hops = 0; hops <= REDIRECTS; hops++) {
      const answer = await this.#once(url, { ...outgoing, headers });
      const { location } = answer.headers;
      if (![301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) || location === undefined) return answer;
      discard(answer, this.#limits);
      const next = redirected(location, url);
      if (outgoing.secretBody === true) throw new BayplanError('registry-answer', `registry ${url.host} redirects a request that carries credentials to ${next.origin}: that is not followed`);
      if (next.origin !== url.origin) headers = withoutAuthorization(headers);
      url = next;
    }
    throw new BayplanError('registry-answer', `registry ${new URL(address).host} redirects more than ${REDIRECTS} times`);
  }

  #once(url: URL, { method, headers, body, signal }: Outgoing): Promise<IncomingMessage> {
    const { answerMs } = this.#limits;
    return new Promise<IncomingMessage>((resolve, reject) => {
      const proxy = this.#agents.proxyOf(url);
      // Without TLS a proxy is given the whole address (RFC 9112, section 3.2.2).
      const through = proxy === null ? {} : { path: url.href };
      const asked = proxy === null ? url : new URL(proxy.origin); // its name and password must not become the registry's
      const request = (asked.protocol === 'https:' ? httpsRequest : httpRequest)(asked, {
        method, ...through, headers: { 'User-Agent': 'bayplan', ...headers, ...(proxy === null ? {} : { Host: url.host, ...proxyAuthorization(proxy) }) }, agent: this.#agents.of(asked), signal,
      });
      const silent = (): void => {
        request.destroy(new BayplanError('registry-stalled', `registry ${url.host} did not answer for ${answerMs / 1000} s`, { retryable: true }));
      };
      // While a body goes out, silence is counted; then, the time until the answer's head is whole.
      request.setTimeout(answerMs, silent);
      let waiting: NodeJS.Timeout | undefined;
      request.once('finish', () => { waiting = setTimeout(silent, answerMs); });
      request.once('response', (response) => {
        clearTimeout(waiting);
        request.setTimeout(0); // whoever reads the body watches over its pace
        resolve(response);
      });
      request.once('error', (error: Error) => {
        clearTimeout(waiting);
        reject(signal.aborted || error instanceof BayplanError ? error : proxy === null ? connectionError(url, error) : unreachable(proxy, error.message, error));
      });
      const content = body?.();
      if (content === undefined || Buffer.isBuffer(content)) request.end(content);
      else {
        content.once('error', (error) => request.destroy(error));
        request.once('close', () => content.destroy()); // a failed request leaves its source open
        content.pipe(request);
      }
    });
  }
}

/** Where an address that a server gives leads to. Throws BayplanError `registry-answer` for none, and for one that leaves TLS. */
export function redirected(location: string, from: URL): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from) : null;
  if (next === null || !['http:', 'https:'].includes(next.protocol)) throw new BayplanError('registry-answer', `registry ${from.host} redirects to "${location}", which is no address`);
  if (from.protocol === 'https:' && next.protocol === 'http:' && !isLoopback(next.hostname)) {
    throw new BayplanError('registry-answer', `registry ${from.host} redirects to ${next.origin}, which is without TLS: that is not followed`);
  }
  return next;
}

function withoutAuthorization(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'));
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there', ENOTFOUND: 'its name cannot be resolved: check it, and how this host resolves names', EAI_AGAIN: 'its name cannot be resolved at the moment', ECONNRESET: 'it cut the connection off', EPIPE: 'it cut the connection off',
  ETIMEDOUT: 'it does not answer', EHOSTUNREACH: 'there is no way to it', ENETUNREACH: 'there is no way to it',
};

/** What a failed connection means. Certificates and protocols do not mend themselves; all else may. */
export function connectionError(url: URL, error: Error): BayplanError {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'EPROTO' || /wrong version number|packet length too long/.test(error.message)) {
    return new BayplanError('registry-tls', `registry ${url.host} does not speak TLS: if plain HTTP is wanted, allow it by "plainHttp": true in the engine's configuration`, { cause: error });
  }
  if (url.protocol === 'https:' && /CERT|SIGNATURE|ALTNAME|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return new BayplanError('registry-tls', `the certificate of registry ${url.host} is not trusted (${error.message}): name its authority by "ca" in the engine's configuration, or put it into /etc/docker/certs.d/${url.host}`, { cause: error });
  }
  // A parser's error: no other answer is to be expected of such a server. All but the end in the middle of an answer.
  if (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE') return new BayplanError('registry-answer', `registry ${url.host} answers what is no HTTP (${error.message.replace(/^Parse Error: /, '')})`, { cause: error });
  return new BayplanError('registry-unreachable', `registry ${url.host} cannot be reached: ${WORDS[code] ?? error.message}`, { retryable: code !== 'ENOTFOUND', cause: error });
}
