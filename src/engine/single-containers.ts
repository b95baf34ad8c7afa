import { plan } from '../plan/plan.ts';
import type { Executor } from '../reconcile/executor.ts';
import { runPass } from '../reconcile/pass.ts';
import { KeyedMutex } from '../runtime/container/mutex.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Desired } from '../state/state.ts';
import { actualState, type Observed } from './observe.ts';

const CONCURRENCY = 4;

/** Makes containers that no stack file names: those of the API, and one-offs of a stack. Each is a desired state with one container, and a pass. */
export class SingleContainers {
  readonly #runtime: Observed;
  readonly #executor: Executor;
  /** Two that are made at once may want the same network. */
  readonly #mutex = new KeyedMutex();

  constructor(runtime: Observed, executor: Executor) {
    this.#runtime = runtime;
    this.#executor = executor;
  }

  /** Makes the one container of `desired`, and the networks and volumes that it names and that are missing; starts nothing. Answers its id. */
  async create(desired: Desired): Promise<string> {
    const [name = '', container] = Object.entries(desired.containers)[0] ?? [];
    const image = container?.spec.image ?? '';
    if (container?.identity.owner === 'api' && this.#runtime.images.find(image) === null) throw new BayplanError('image-not-found', `No such image: ${image}`); // in words by which docker's client knows to pull it
    return await this.#mutex.run(desired.stack, async () => {
      const taken = this.#idOf(name);
      if (taken !== '') throw new BayplanError('conflict', `the name "${name}" is in use by container ${taken.slice(0, 12)}: remove or rename that, or take another name`);
      const result = await runPass({
        plan: (actual, now, since) => plan(desired, actual, now, since), now: () => Date.now(), concurrency: CONCURRENCY, signal: new AbortController().signal, onEvent: () => undefined, executor: this.#executor,
        observe: () => Promise.resolve(actualState(desired.stack, desired, this.#runtime)),
      });
      if (!result.ok) throw new BayplanError('create-failed', result.message);
      return this.#idOf(name);
    });
  }

  #idOf(name: string): string {
    return this.#runtime.containers.list().get(name)?.status?.id ?? '';
  }
}
