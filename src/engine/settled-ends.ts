import type { ContainerStore } from '../runtime/container/container-store.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Plan } from '../state/plan.ts';

/** What a plan is made from is on disk before anything is started that follows from it: else who depends on a service's success could run, and a power cut undo that success. */
export class SettledEnds {
  readonly #containers: Pick<ContainerStore, 'flush'>;
  #failure: unknown = null;

  constructor(containers: Pick<ContainerStore, 'flush'>) {
    this.#containers = containers;
  }

  /** Writes down what is known. That it cannot be, of a full disk, say, keeps nobody from what starts nothing: a `down` makes room. */
  async settle(): Promise<void> {
    this.#failure = null;
    await this.#containers.flush().catch((error: unknown) => { this.#failure = error; });
  }

  /** The plan. Throws BayplanError `not-kept` where it starts anything, and what it was made from could not be written down. */
  checked(made: Plan): Plan {
    const start = this.#failure === null ? undefined : made.steps.find(({ action }) => action === 'start-container');
    if (start === undefined) return made;
    const why = this.#failure instanceof Error ? this.#failure.message : String(this.#failure);
    throw new BayplanError('not-kept', `${start.id}: how containers have ended could not be written down, so nothing is started that may depend on it: ${why}`, { cause: this.#failure });
  }
}
