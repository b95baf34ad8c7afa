import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { BayplanError } from '../../../state/bayplan-error.ts';
import type { RegistryCredentials } from '../../../state/registry-credentials.ts';
import { answerError, discard, loginHint, readSmall } from './answers.ts';
import { parseChallenges } from './challenge.ts';
import { isLoopback } from './endpoints.ts';
import type { RegistryLimits } from './limits.ts';
import type { Transport } from './transport.ts';

const TokenAnswer = z.looseObject({ token: z.string().optional(), access_token: z.string().optional() });

/**
 * What is sent as `Authorization` to one registry on behalf of one user: nothing until it is asked for, then basic credentials or a bearer token
 * (distribution's "Token Authentication"), which is asked for anew when it is refused.
 */
export class Authorizer {
  readonly #transport: Transport;
  readonly #limits: RegistryLimits;
  readonly #host: string;
  readonly #credentials: RegistryCredentials | null;
  /** By scope. */
  readonly #headers = new Map<string, string>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(transport: Transport, limits: RegistryLimits, host: string, credentials: RegistryCredentials | null) {
    this.#transport = transport;
    this.#limits = limits;
    this.#host = host;
    this.#credentials = credentials;
  }

  get known(): boolean {
    return this.#credentials !== null;
  }

  /** Tells users apart, one without a name included; for keys in memory alone. */
  get user(): string {
    return JSON.stringify(this.#credentials);
  }

  header(scope: string): string | undefined {
    return this.#headers.get(scope);
  }

  /**
   * Answers a refusal (401) of a request that was sent with `used`. False: there is nothing better to send. Those who are refused at the same time
   * share one token.
   */
  async renew(refusal: IncomingMessage, scope: string, used: string | undefined, signal: AbortSignal): Promise<boolean> {
    if (this.#headers.get(scope) === used) {
      let asking = this.#asking.get(scope);
      if (asking === undefined) {
        asking = this.#answer(refusal, scope, signal).finally(() => this.#asking.delete(scope));
        this.#asking.set(scope, asking);
      }
      await asking;
    }
    const now = this.#headers.get(scope);
    return now !== undefined && now !== used;
  }

  async #answer(refusal: IncomingMessage, scope: string, signal: AbortSignal): Promise<void> {
    const challenges = parseChallenges(refusal.headers['www-authenticate'] ?? '');
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) {
      this.#headers.set(scope, `Bearer ${await this.#token(bearer.parameters, scope, signal)}`);
    } else if (challenges.some(({ scheme }) => scheme === 'basic') && this.#credentials !== null) {
      this.#headers.set(scope, basic(this.#credentials));
    }
  }

  async #token({ realm = '', service, scope: asked }: Readonly<Record<string, string>>, scope: string, signal: AbortSignal): Promise<string> {
    const url = URL.canParse(realm) ? new URL(realm) : null;
    if (url === null || !['http:', 'https:'].includes(url.protocol)) throw new BayplanError('registry-answer', `registry ${this.#host} names "${realm}" as its token service, which is no address`);
    const scopes = scope === '' ? (asked ?? '').split(' ').filter((one) => one !== '') : scope.split(' ');
    const answer = await this.#askForToken(url, service, scopes, signal);
    if (answer.statusCode === 401 || answer.statusCode === 403) throw refusedCredentials(this.#host, this.known);
    if (answer.statusCode !== 200) throw await answerError(answer, this.#host, 'token service', this.known, this.#limits);
    const parsed = TokenAnswer.safeParse(parse(await readSmall(answer, url.host, 256 * 1024, this.#limits)));
    const token = parsed.data?.token ?? parsed.data?.access_token ?? '';
    if (token === '' || /[^\x21-\x7e]/.test(token)) throw new BayplanError('registry-answer', `the token service ${url.host} of registry ${this.#host} answers without a token`);
    return token;
  }

  async #askForToken(url: URL, service: string | undefined, scopes: readonly string[], signal: AbortSignal): Promise<IncomingMessage> {
    const credentials = this.#credentials;
    if (credentials !== null && url.protocol === 'http:' && !isLoopback(url.hostname)) {
      throw new BayplanError('registry-answer', `registry ${this.#host} names a token service without TLS, ${url.origin}: credentials are not sent there`);
    }
    if (credentials !== null && credentials.identitytoken !== '') {
      const form = Buffer.from(new URLSearchParams({ grant_type: 'refresh_token', client_id: 'bayplan', refresh_token: credentials.identitytoken, scope: scopes.join(' '), ...(service === undefined ? {} : { service }) }).toString());
      const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': form.length };
      return this.#transport.send(url.href, { method: 'POST', headers, body: () => form, secretBody: true, signal });
    }
    if (service !== undefined) url.searchParams.set('service', service);
    for (const one of scopes) url.searchParams.append('scope', one);
    return this.#transport.send(url.href, { method: 'GET', headers: credentials === null ? {} : { Authorization: basic(credentials) }, signal });
  }
}

/** Sends with authorization; a refusal is answered once. */
export async function sendAuthorized(authorizer: Authorizer, scope: string, limits: RegistryLimits, signal: AbortSignal, send: (authorization: string | undefined) => Promise<IncomingMessage>): Promise<IncomingMessage> {
  const used = authorizer.header(scope);
  const answer = await send(used);
  if (answer.statusCode !== 401 || !await authorizer.renew(answer, scope, used, signal)) return answer;
  discard(answer, limits);
  return send(authorizer.header(scope));
}

/** Who somebody is, not what he may do, is what the registry does not accept. */
export function refusedCredentials(host: string, known: boolean): BayplanError {
  return new BayplanError('registry-denied', known ? `registry ${host} does not take these credentials: ${loginHint(host)} again` : `registry ${host} lets nobody in without a name: ${loginHint(host)}`);
}

function basic({ username, password }: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null; // holds no token either way
  }
}
