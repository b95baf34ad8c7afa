import { BayplanError } from '../../../state/bayplan-error.ts';
import { familiarReference, parseReference } from '../../../state/image-reference.ts';
import type { PartProgress } from '../../../state/messages.ts';
import type { CredentialsByHost } from '../../../state/registry-credentials.ts';
import { Agents } from './agents.ts';
import { Authorizer } from './authorizer.ts';
import { endpointsOf, type Endpoint } from './endpoints.ts';
import { LIMITS, type RegistryLimits } from './limits.ts';
import { pullImage, type PulledImage, type PullStore } from './pull.ts';
import { Repository } from './repository.ts';
import type { Registries } from './settings.ts';
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

/** Errors of an endpoint, after which another one may serve. What is wrong with an image or this machine is so everywhere. */
const ELSEWHERE = /^(registry-|image-not-found$|bad-image$)/;

/** Registries as the engine's configuration says to reach them. */
export class RegistryClient {
  readonly #registries: Registries;
  readonly #limits: RegistryLimits;
  readonly #transport: Transport;

  constructor(registries: Registries, limits: RegistryLimits = LIMITS) {
    this.#registries = registries;
    this.#limits = limits;
    this.#transport = new Transport(new Agents(registries), limits);
  }

  /** Pulls from the first endpoint that serves. Null: the name stands for `current` still. */
  async pull({ reference: name, credentials, current, signal, onProgress }: PullRequest, store: PullStore): Promise<PulledImage | null> {
    const reference = parseReference(name);
    const what = `image ${familiarReference(name)}`;
    const failures: BayplanError[] = [];
    for (const endpoint of endpointsOf(reference.domain, this.#registries)) {
      try {
        const repository = this.#repository(endpoint, reference.path, credentials, signal);
        if (current !== null && current === (reference.digest === '' ? await repository.digestOf(reference.tag, what) : reference.digest)) return null;
        return await pullImage(repository, reference, what, store, signal, onProgress);
      } catch (error) {
        if (signal.aborted || !(error instanceof BayplanError) || !ELSEWHERE.test(error.code)) throw error;
        failures.push(error);
      }
    }
    throw together(failures);
  }

  #repository(endpoint: Endpoint, path: string, credentials: CredentialsByHost, signal: AbortSignal): Repository {
    const authorizer = new Authorizer(this.#transport, this.#limits, endpoint.host, credentials[endpoint.host] ?? null);
    return new Repository({ transport: this.#transport, limits: this.#limits, authorizer, signal }, endpoint, path);
  }
}

/** The registry's own failure counts, which comes last; those of its mirrors are told beside it. */
function together(failures: readonly BayplanError[]): BayplanError {
  const last = failures.at(-1);
  if (last === undefined || failures.length === 1) return last ?? new BayplanError('registry-unreachable', 'no registry was asked');
  return new BayplanError(last.code, failures.map(({ message }) => message).join('; '), { retryable: last.retryable, cause: last });
}
