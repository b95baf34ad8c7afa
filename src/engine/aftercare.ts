import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { StackRecord } from './stack-record.ts';
import type { Supervisor } from './supervisor.ts';

/** So long new containers are looked at after an update of a service that is to be rolled back, where its file names no time: what Docker takes then. */
const AFTERCARE_MS = 5000;

export interface AftercareContext {
  readonly containers: Pick<ContainerStore, 'get' | 'list'>;
  readonly supervisor: Pick<Supervisor, 'waitFor'>;
  /** A service's new container is not what it should be, after all. */
  readonly failed: (record: StackRecord, service: string, why: string) => Promise<void>;
  readonly report: (line: string) => void;
}

/** Looks on at updates that have come to their end well, and quickly: nobody waits for that. A service without a health check may have a new image that ends after a second or two. */
export class Aftercare {
  readonly #context: AftercareContext;
  readonly #under = new Map<string, AbortController>();

  constructor(context: AftercareContext) {
    this.#context = context;
  }

  /** Services of the stack that run: what takes the place of such is to run on, too, and an end with 0 is none. To be asked for before the update. */
  serving(stack: string): ReadonlySet<string> {
    return new Set([...this.#context.containers.list().values()].flatMap(({ identity, status }) => (identity.stack === stack && identity.owner === 'stack' && status?.phase === 'running' ? [identity.service] : [])));
  }

  /** The update to this desired state, begun at `since` (ms since the epoch), is done. */
  begin(record: StackRecord, since: number, serving: ReadonlySet<string>): void {
    const { name, desired } = record;
    this.end(name);
    const meant = Object.entries(desired.services).filter(([, { update }]) => update.failureAction === 'rollback' && update.monitorMs === 0).map(([service]) => service);
    const made = meant.flatMap((service) => [...this.#context.containers.list()].flatMap(([container, { identity, status }]) =>
      (identity.stack === name && identity.service === service && identity.owner === 'stack' && identity.generation > 1 && (status?.createdAt ?? 0) >= since ? [{ service, container }] : [])));
    if (made.length === 0) return;
    const abort = new AbortController();
    this.#under.set(name, abort);
    const looks = made.map(({ service, container }) => this.#context.supervisor.waitFor(container, serving.has(service) ? 'serving' : 'ready', abort.signal, { steadyMs: AFTERCARE_MS })
      .catch((error: unknown) => this.#ended(record, service, container, abort, error instanceof Error ? error.message : String(error))));
    Promise.all(looks).catch((error: unknown) => this.#context.report(`stack ${name}: ${error instanceof Error ? error.message : String(error)}`)).finally(() => {
      if (this.#under.get(name) === abort) this.#under.delete(name);
    }).catch(() => undefined); // told
  }

  /** Something else is done to the stack. */
  end(stack: string): void {
    this.#under.get(stack)?.abort();
    this.#under.delete(stack);
  }

  close(): void {
    for (const stack of [...this.#under.keys()]) this.end(stack);
  }

  async #ended(record: StackRecord, service: string, container: string, abort: AbortController, why: string): Promise<void> {
    const status = this.#context.containers.get(container)?.status ?? null;
    if (abort.signal.aborted || status === null || status.held) return; // a person has stopped or removed it
    abort.abort(); // its replicas go back with it
    await this.#context.failed(record, service, why);
  }
}
