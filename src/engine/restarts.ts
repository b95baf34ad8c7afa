import type { Container } from '../state/container.ts';
import type { Note } from '../runtime/container/container-notes.ts';
import { countedRestarts, restartDelay } from './restart-policy.ts';

export interface RestartsContext {
  readonly note: (name: string, note: Note) => void;
  /** Begins a restart. */
  readonly restart: (name: string) => void;
  readonly now: () => number;
}

/** The restarts that are to come, one timer a container, and the delay that each had last. */
export class Restarts {
  readonly #context: RestartsContext;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #delays = new Map<string, number>();
  #closed = false;

  constructor(context: RestartsContext) {
    this.#context = context;
  }

  /** Lets a container that has ended be started again as its policy says. `asked`: somebody wanted its end. */
  schedule(name: string, { spec, status }: Container, asked: boolean): void {
    if (status === null || this.#closed) return;
    const { note, restart, now } = this.#context;
    const ranMs = status.error === '' ? status.finishedAt - status.startedAt : 0;
    const delayMs = restartDelay(spec.restart, { exitCode: status.exitCode, asked: asked || status.held, restarts: status.restarts, ranMs, lastDelayMs: this.#delays.get(name) ?? 0 });
    if (delayMs === null) return;
    const restarts = countedRestarts(spec.restart, { restarts: status.restarts, ranMs });
    if (restarts !== status.restarts) note(name, { restarts });
    this.#delays.set(name, delayMs);
    note(name, { restartAt: now() + delayMs });
    this.#timers.set(name, setTimeout(() => {
      this.#timers.delete(name);
      restart(name);
    }, delayMs));
  }

  /** The delays go on from where they are. */
  cancel(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  /** The next delay is the first again. */
  forget(name: string): void {
    this.cancel(name);
    this.#delays.delete(name);
  }

  /** Its delays go on under the new name; what was to come has to be scheduled anew. */
  rename(name: string, to: string): void {
    const delay = this.#delays.get(name);
    this.forget(name);
    if (delay !== undefined) this.#delays.set(to, delay);
  }

  /** What ends from now on is the next engine's to start again. */
  close(): void {
    this.#closed = true;
    for (const name of [...this.#timers.keys()]) this.cancel(name);
  }
}
