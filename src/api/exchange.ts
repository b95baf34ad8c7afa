import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EngineView } from './engine-view.ts';
import type { ExecSessions } from './exec-sessions.ts';

/** One request being answered. */
export interface Exchange {
  readonly engine: EngineView;
  readonly execs: ExecSessions;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: URLSearchParams;
  /** Aborts when the client goes away before the answer is whole. */
  readonly gone: AbortSignal;
  /** Ends the server after this answer; connections that wait are closed. */
  readonly stopServer: () => void;
}

export type Handler = (exchange: Exchange) => Promise<void>;

/** A path parameter that the route guarantees. */
export function param(exchange: Exchange, name: string): string {
  return exchange.params[name] ?? '';
}

/** Docker's booleans in a query: absent, empty, `0`, `false` and `no` are false. */
export function flag(exchange: Exchange, name: string): boolean {
  return flagOf(exchange.query, name);
}

export function flagOf(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value !== null && !['', '0', 'false', 'False', 'FALSE', 'no', 'none'].includes(value);
}
