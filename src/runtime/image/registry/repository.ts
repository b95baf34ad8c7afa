import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { digestOf } from '../archive-images.ts';
import type { Descriptor } from '../oci.ts';
import { answerError, discard, readSmall } from './answers.ts';
import { retry } from './attempts.ts';
import { sendAuthorized, type Authorizer } from './authorizer.ts';
import { INDEX_TYPES, MANIFEST_TYPES } from './documents.ts';
import type { Endpoint } from './endpoints.ts';
import type { RegistryLimits } from './limits.ts';
import type { Transport } from './transport.ts';

/** As registries bound manifests themselves. */
const MANIFEST_MAX = 4 * 1024 * 1024;
const CONFIG_MAX = 16 * 1024 * 1024;
const ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ');

export interface RepositoryContext {
  readonly transport: Transport;
  readonly limits: RegistryLimits;
  readonly authorizer: Authorizer;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** Hears why a request is tried again. */
  readonly onRetry: (why: string) => void;
}

export interface FetchedManifest { readonly bytes: Buffer; readonly digest: string; readonly contentType: string }

/** One repository of a registry, by the OCI distribution specification 1.1. Its requests are tried again where the error is retryable. */
export class Repository {
  readonly endpoint: Endpoint;
  readonly path: string;
  readonly limits: RegistryLimits;
  readonly #context: RepositoryContext;

  constructor(context: RepositoryContext, endpoint: Endpoint, path: string) {
    this.endpoint = endpoint;
    this.path = path;
    this.limits = context.limits;
    this.#context = context;
  }

  /** The same for the same registry and user: who is told apart by it may be allowed different things. */
  get access(): string {
    return `${this.endpoint.base} ${this.#context.authorizer.user}`;
  }

  /** The same repository for work of another duration. */
  within(signal: AbortSignal): Repository {
    return new Repository({ ...this.#context, signal }, this.endpoint, this.path);
  }

  /** Does it until it succeeds, fails for good, or has failed too often. */
  retry<T>(work: () => Promise<T>): Promise<T> {
    return retry(work, this.limits, this.#context.signal, this.#context.onRetry);
  }

  /** A manifest or index by tag or digest, checked against the digests that are known of it. */
  async manifest(reference: string, what: string): Promise<FetchedManifest> {
    return this.retry(async () => {
      const answer = await this.#get(`/manifests/${reference}`, what, { Accept: ACCEPT });
      const contentType = (answer.headers['content-type'] ?? '').replace(/;.*$/, '').trim();
      const told = header(answer, 'docker-content-digest');
      const bytes = await readSmall(answer, this.endpoint.host, MANIFEST_MAX, this.limits);
      const digest = digestOf(bytes);
      const expected = reference.startsWith('sha256:') ? reference : told?.startsWith('sha256:') === true ? told : digest;
      if (digest !== expected) throw new BayplanError('registry-lies', `${what}: registry ${this.endpoint.host} sent ${digest} for manifest ${expected}`);
      return { bytes, digest, contentType };
    });
  }

  /** The digest that a tag has at the moment; null where the registry does not say. */
  async digestOf(tag: string, what: string): Promise<string | null> {
    return this.retry(async () => {
      const answer = await this.call('HEAD', `/manifests/${tag}`, { headers: { Accept: ACCEPT } });
      if (answer.statusCode !== 200) throw await this.error(answer, what);
      discard(answer, this.limits);
      return header(answer, 'docker-content-digest') ?? null;
    });
  }

  /** A small blob, checked. */
  async document(descriptor: Descriptor, what: string): Promise<Buffer> {
    if (descriptor.size > CONFIG_MAX) throw new BayplanError('bad-image', `${what} cannot be used: its config has ${descriptor.size} bytes`);
    return this.retry(async () => {
      const answer = await this.#get(`/blobs/${descriptor.digest}`, what, {});
      const bytes = await readSmall(answer, this.endpoint.host, descriptor.size, this.limits);
      if (bytes.length < descriptor.size) throw new BayplanError('registry-cut', `${what}: registry ${this.endpoint.host} sent ${bytes.length} of the ${descriptor.size} bytes of blob ${descriptor.digest}`, { retryable: true });
      if (digestOf(bytes) !== descriptor.digest) throw new BayplanError('registry-lies', `${what}: registry ${this.endpoint.host} sent ${digestOf(bytes)} for blob ${descriptor.digest}`);
      return bytes;
    });
  }

  /** The body of a blob from byte `from` on, tried once; the registry may answer with all of it (200). */
  async openBlob(descriptor: Descriptor, from: number, what: string): Promise<IncomingMessage> {
    return this.#get(`/blobs/${descriptor.digest}`, what, from === 0 ? {} : { Range: `bytes=${from}-` });
  }

  /** Sends to `path` below the repository, or to a whole address that the registry gave. The answer may be of any status. */
  async call(method: string, path: string, options: { headers?: OutgoingHttpHeaders; body?: () => Readable | Buffer; scope?: string } = {}): Promise<IncomingMessage> {
    const address = path.startsWith('/') ? `${this.endpoint.base}/v2/${this.path}${path}` : path;
    const own = new URL(address).origin === new URL(this.endpoint.base).origin;
    const { transport, authorizer, signal } = this.#context;
    const send = (authorization?: string): Promise<IncomingMessage> => transport.send(address, {
      method, signal, headers: { ...options.headers, ...(authorization === undefined ? {} : { Authorization: authorization }) }, ...(options.body === undefined ? {} : { body: options.body }),
    });
    return own ? sendAuthorized(authorizer, options.scope ?? `repository:${this.path}:pull`, this.limits, signal, send) : send();
  }

  error(answer: IncomingMessage, what: string): Promise<BayplanError> {
    return answerError(answer, this.endpoint.host, what, this.#context.authorizer.known, this.limits);
  }

  async #get(path: string, what: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
    const answer = await this.call('GET', path, { headers: { 'Accept-Encoding': 'identity', ...headers } });
    if (answer.statusCode === 200 || answer.statusCode === 206) return answer;
    throw await this.error(answer, what);
  }
}

export function header(answer: IncomingMessage, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
