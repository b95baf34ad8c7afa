import { plan } from '../plan/plan.ts';
import { requestedSteps, type ContainerRequest } from '../plan/requested-steps.ts';
import { apply } from '../reconcile/apply.ts';
import type { Executor } from '../reconcile/executor.ts';
import { runPass } from '../reconcile/pass.ts';
import { KeyedMutex } from '../runtime/container/mutex.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Step } from '../state/plan.ts';
import type { Desired } from '../state/state.ts';
import { actualState, type Observed } from './observe.ts';
import { stopAll } from './stop-all.ts';
import { takenPorts } from './taken-ports.ts';

const CONCURRENCY = 4;
const UNWATCHED = { signal: new AbortController().signal, onStep: () => undefined, onProgress: () => undefined };

/**
 * What is asked for beside the stack files: containers of the API and one-offs of a stack, each a desired state with one container, and a pass; and what a person asks
 * of one container or volume, a plan of a few steps.
 */
export class SingleContainers {
  readonly #runtime: Observed;
  readonly #executor: Executor;
  /** Two that are made at once may want the same network. */
  readonly #mutex = new KeyedMutex();
  readonly #making = new Set<Desired>();

  constructor(runtime: Observed, executor: Executor) {
    this.#runtime = runtime;
    this.#executor = executor;
  }

  /** Makes the one container of `desired`, and the networks and volumes that it names and that are missing, once `check` has let it pass; starts nothing. Answers its id. */
  async create(desired: Desired, signal: AbortSignal, check: () => Promise<void>): Promise<string> {
    const [name = '', container] = Object.entries(desired.containers)[0] ?? [];
    const image = container?.spec.image ?? '';
    if (container?.identity.owner === 'api' && this.#runtime.images.find(image) === null) throw new BayplanError('image-not-found', `No such image: ${image}`); // in words by which docker's client knows to pull it
    this.#making.add(desired); // before anything is waited for: what it wants is not to be pruned meanwhile
    try {
      await check();
      return await this.#mutex.run(desired.stack, () => this.#create(name, desired, signal));
    } finally {
      this.#making.delete(desired);
    }
  }

  /** Whether a container is being made that wants the volume. */
  wants(volume: string): boolean {
    return [...this.#making].some(({ volumes }) => volumes[volume] !== undefined);
  }

  /** The same of a network. */
  wantsNetwork(network: string): boolean {
    return [...this.#making].some(({ networks }) => networks[network] !== undefined);
  }

  /** Does `work` while no container of the API is being made: what such a one has seen to be there stays until it uses it. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    return await this.#mutex.run('', work);
  }

  /** Rejects with what the step that failed was rejected with. */
  async ask(name: string, request: ContainerRequest): Promise<void> {
    const container = this.#runtime.containers.list().get(name);
    if (container === undefined) throw new BayplanError('not-found', `No such container: ${name}`);
    try {
      await this.carryOut(requestedSteps(name, container, request));
    } catch (error) {
      const started = (request.action === 'start' || request.action === 'restart') && error instanceof BayplanError && error.code === 'port-taken';
      const now = this.#runtime.containers.list().get(name);
      if (started && now !== undefined) await this.carryOut(requestedSteps(name, now, { action: 'stop', signal: 'SIGKILL', graceMs: 0 })); // Docker's rule: without its ports it does not run
      throw error;
    }
  }

  /** Carries out a few steps; rejects with what the first one that failed was rejected with. */
  async carryOut(steps: readonly Step[]): Promise<void> {
    const { failed: [failure] } = await apply(steps, this.#executor, { ...UNWATCHED, concurrency: CONCURRENCY });
    if (failure !== undefined) throw failure.error;
  }

  /** See stopAll. */
  async stopAll(): ReturnType<typeof stopAll> {
    return await stopAll(this.#runtime.containers.list(), this.#executor);
  }

  async #create(name: string, desired: Desired, signal: AbortSignal): Promise<string> {
    const taken = this.#idOf(name);
    if (taken !== '') throw new BayplanError('conflict', `the name "${name}" is in use by container ${taken.slice(0, 12)}: remove or rename that, or take another name`);
    const result = await runPass({
      plan: (actual, now, since) => plan(desired, actual, now, since), now: () => Date.now(), concurrency: CONCURRENCY, signal, onEvent: () => undefined, executor: this.#executor,
      observe: () => Promise.resolve(actualState(desired.stack, desired, this.#runtime)), objections: (made) => takenPorts(this.#runtime, made),
    });
    if (!result.ok) throw new BayplanError('create-failed', result.message);
    return this.#idOf(name);
  }

  #idOf(name: string): string {
    return this.#runtime.containers.list().get(name)?.status?.id ?? '';
  }
}
