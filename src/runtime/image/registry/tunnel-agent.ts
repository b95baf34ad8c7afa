import { request as httpRequest } from 'node:http';
import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { proxyAuthorization } from './proxies.ts';

/** Longest wait for a proxy's answer. */
const ANSWER_MS = 30_000;

/** Connections with TLS to a server, each through a tunnel that a proxy opens (RFC 9110, section 9.3.6): the proxy sees who is talked to, not what is said. */
export class TunnelAgent extends Agent {
  readonly #proxy: URL;

  constructor(proxy: URL, options: AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(options: ConnectionOptions, created: (error: Error | null, socket: Duplex) => void): undefined {
    const proxy = this.#proxy;
    const to = `${options.host ?? ''}:${options.port ?? 443}`;
    // The agent looks at the socket only where there is no error; its type asks for one all the same.
    const fail = (error: Error): void => (created as (error: Error) => void)(error);
    const request = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      host: proxy.hostname.replace(/^\[(.*)\]$/, '$1'), port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port), method: 'CONNECT', path: to, agent: false, headers: { Host: to, ...proxyAuthorization(proxy) },
    });
    request.setTimeout(ANSWER_MS, () => request.destroy(unreachable(proxy, `it did not answer for ${ANSWER_MS / 1000} s`)));
    request.once('error', (error: Error) => fail(error instanceof BayplanError ? error : unreachable(proxy, error.message, error)));
    request.once('response', (response) => request.destroy(refusal(proxy, to, response.statusCode)));
    request.once('connect', (response, socket) => {
      socket.setTimeout(0);
      if (response.statusCode === 200) return created(null, connect({ ...options, socket }));
      socket.destroy();
      fail(refusal(proxy, to, response.statusCode));
    });
    request.end();
    return undefined;
  }
}

export function unreachable(proxy: URL, why: string, cause?: Error): BayplanError {
  return new BayplanError('registry-unreachable', `proxy ${proxy.host} cannot be reached: ${why}`, { retryable: true, cause });
}

function refusal(proxy: URL, to: string, status = 0): BayplanError {
  const why = status === 407 ? 'it asks for a name and a password: give them in the proxy\'s address in the engine\'s configuration' : `it answers ${status}`;
  return new BayplanError('registry-unreachable', `proxy ${proxy.host} opens no way to ${to}: ${why}`, { retryable: status >= 500 });
}
