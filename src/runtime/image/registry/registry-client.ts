import { BayplanError } from '../../../state/bayplan-error.ts';
import { familiarReference, parseReference, repositoryOf, type Reference } from '../../../state/image-reference.ts';
import type { PartProgress } from '../../../state/messages.ts';
import type { CredentialsByHost, RegistryCredentials } from '../../../state/registry-credentials.ts';
import type { StackArtifact } from '../../../state/stack-artifact.ts';
import { Agents } from './agents.ts';
import { answerError, discard } from './answers.ts';
import { retry } from './attempts.ts';
import { Authorizer, refusedCredentials, sendAuthorized } from './authorizer.ts';
import { describeImage, type Described } from './describe.ts';
import { endpointsOf, registryEndpoint, type Endpoint } from './endpoints.ts';
import { LIMITS, type RegistryLimits } from './limits.ts';
import type { Proxies } from './proxies.ts';
import { pullImage, type PulledImage, type PullStore } from './pull.ts';
import { pushImage, type PushWork } from './push.ts';
import { Repository } from './repository.ts';
import type { Registries } from './settings.ts';
import { fetchStackArtifact } from './stack-artifact.ts';
import { tagsOf } from './tag-list.ts';
import { Transport } from './transport.ts';

export interface PullRequest {
  /** Whole name. */
  readonly reference: string;
  readonly credentials: CredentialsByHost;
  /** The digest that the name had when it was last pulled, where that image is whole; the registry is then asked for its digest alone. */
  readonly current: string | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: PartProgress) => void;
}

/** Where another endpoint can be asked, one that fails is not waited for as long. */
const MIRROR_ATTEMPTS = 2;

/** Errors of an endpoint, after which another one may serve. What is wrong with an image or this machine is so everywhere. */
const ELSEWHERE = /^(registry-|image-not-found$|bad-image$)/;

/** Registries as the engine's configuration says to reach them. */
export class RegistryClient {
  readonly #registries: Registries;
  readonly #limits: RegistryLimits;
  readonly #transport: Transport;

  constructor(registries: Registries, limits: RegistryLimits = LIMITS, proxies: Proxies = {}) {
    this.#registries = registries;
    this.#limits = limits;
    this.#transport = new Transport(new Agents(registries, proxies), limits);
  }

  /** Pulls from the first endpoint that serves. Null: the name stands for `current` still. */
  async pull({ reference: name, credentials, current, signal, onProgress }: PullRequest, store: PullStore): Promise<PulledImage | null> {
    const reference = parseReference(name);
    const what = `image ${familiarReference(name)}`;
    return await this.#firstOf(reference, credentials, signal, onProgress, async (repository) => {
      if (current !== null && current === (reference.digest === '' ? await repository.digestOf(reference.tag, what) : reference.digest)) return null;
      return await pullImage(repository, reference, what, store, signal, onProgress);
    });
  }

  /** The tags that a repository has, by the first endpoint that tells. `name`: whole name, whose tag is of no account. */
  async tags(name: string, credentials: CredentialsByHost, signal: AbortSignal): Promise<readonly string[]> {
    return await this.#firstOf(parseReference(name), credentials, signal, () => undefined, (repository) => tagsOf(repository, `image ${familiarReference(repositoryOf(name))}`));
  }

  /** The files of a stack that was published as an artifact, from the first endpoint that has them. `name`: whole name. */
  async stackArtifact(name: string, credentials: CredentialsByHost, signal: AbortSignal): Promise<StackArtifact> {
    const reference = parseReference(name);
    return await this.#firstOf(reference, credentials, signal, () => undefined, (repository) => fetchStackArtifact(repository, reference, `stack ${familiarReference(name)}`));
  }

  /** What a name stands for, by the first endpoint that tells. `name`: whole name. */
  async describe(name: string, credentials: CredentialsByHost, signal: AbortSignal): Promise<Described> {
    const reference = parseReference(name);
    return await this.#firstOf(reference, credentials, signal, () => undefined, (repository) => describeImage(repository, reference.digest === '' ? reference.tag : reference.digest, `image ${familiarReference(name)}`));
  }

  /** What `work` answers with the first endpoint that serves. */
  async #firstOf<T>({ domain, path }: Pick<Reference, 'domain' | 'path'>, credentials: CredentialsByHost, signal: AbortSignal, onProgress: (progress: PartProgress) => void, work: (repository: Repository) => Promise<T>): Promise<T> {
    const failures: BayplanError[] = [];
    const endpoints = endpointsOf(domain, this.#registries);
    for (const endpoint of endpoints) {
      try {
        return await work(this.#repository(endpoint, path, credentials, signal, onProgress, endpoint === endpoints.at(-1) ? this.#limits.attempts : MIRROR_ATTEMPTS));
      } catch (error) {
        if (signal.aborted || !(error instanceof BayplanError) || !ELSEWHERE.test(error.code)) throw error;
        failures.push(error);
      }
    }
    throw together(failures);
  }

  /** Pushes to the registry itself, never to a mirror. `siblings`: whole names that the image has too. */
  async push({ reference: name, credentials, signal, onProgress }: Omit<PullRequest, 'current'>, image: Pick<PushWork, 'layout' | 'manifest' | 'manifestBytes' | 'manifestDigest'>, siblings: readonly string[]): Promise<void> {
    const { domain, path, tag } = parseReference(name);
    const repository = this.#repository(registryEndpoint(domain, this.#registries), path, credentials, signal, onProgress);
    const others = siblings.map(parseReference).filter((other) => other.domain === domain && other.path !== path).map((other) => other.path);
    await pushImage({ ...image, repository, tag, siblings: [...new Set(others)], what: `image ${familiarReference(name)}`, signal, onProgress });
  }

  /** Whether a registry takes these credentials. Throws BayplanError `registry-denied` where it does not. */
  async verify(domain: string, credentials: RegistryCredentials, signal: AbortSignal): Promise<void> {
    const endpoint = registryEndpoint(domain, this.#registries);
    const authorizer = new Authorizer(this.#transport, this.#limits, domain, credentials);
    await retry(async () => {
      const answer = await sendAuthorized(authorizer, '', this.#limits, signal, (authorization) => this.#transport.send(`${endpoint.base}/v2/`, { method: 'GET', headers: authorization === undefined ? {} : { Authorization: authorization }, signal }));
      if (answer.statusCode === 401 || answer.statusCode === 403) throw refusedCredentials(domain, true);
      if (answer.statusCode !== 200) throw await answerError(answer, domain, 'login', true, this.#limits);
      discard(answer, this.#limits);
    }, this.#limits, signal, () => undefined);
  }

  #repository(endpoint: Endpoint, path: string, credentials: CredentialsByHost, signal: AbortSignal, onProgress: (progress: PartProgress) => void, attempts = this.#limits.attempts): Repository {
    const limits = { ...this.#limits, attempts: Math.min(attempts, this.#limits.attempts) };
    const authorizer = new Authorizer(this.#transport, limits, endpoint.host, credentials[endpoint.host] ?? null);
    return new Repository({ transport: this.#transport, limits, authorizer, signal, onRetry: (why) => onProgress({ part: '', state: 'retrying', current: 0, total: 0, why }) }, endpoint, path);
  }
}

/** The registry's own failure counts, which comes last; those of its mirrors are told beside it. */
function together(failures: readonly BayplanError[]): BayplanError {
  const last = failures.at(-1);
  if (last === undefined || failures.length === 1) return last ?? new BayplanError('registry-unreachable', 'no registry was asked');
  return new BayplanError(last.code, failures.map(({ message }) => message).join('; '), { retryable: last.retryable, cause: last });
}
