import type { Desired } from '../state/state.ts';

/** What follows a stack's files until it is told to end. `desired`: what the stack is by now. */
export interface Watching { run(signal: AbortSignal): Promise<void>; readonly desired: Desired }

/** Turns that on and off while `up` shows what services write. */
export class WatchSwitch {
  /** Answers a new one, and what is to be called after it. */
  readonly #begin: () => Promise<readonly [Watching, () => void]>;
  readonly #complain: (line: string) => void;
  /** Told after each turn. */
  readonly #turned: (on: boolean) => void;
  #current: { readonly abort: AbortController; watching: Watching | null; readonly ended: Promise<void> } | null = null;

  constructor(begin: () => Promise<readonly [Watching, () => void]>, complain: (line: string) => void, turned: (on: boolean) => void) {
    this.#begin = begin;
    this.#complain = complain;
    this.#turned = turned;
  }

  get on(): boolean {
    return this.#current !== null;
  }

  get desired(): Desired | null {
    return this.#current?.watching?.desired ?? null;
  }

  turn(): void {
    if (this.#current === null) this.#turnOn();
    else this.#current.abort.abort();
  }

  /** Resolves once it is off. */
  async off(): Promise<void> {
    this.#current?.abort.abort();
    await this.#current?.ended;
  }

  #turnOn(): void {
    const abort = new AbortController();
    const current = { abort, watching: null as Watching | null, ended: Promise.resolve() };
    current.ended = this.#run(current).finally(() => {
      this.#current = null;
      this.#turned(false);
    });
    this.#current = current;
    this.#turned(true);
  }

  async #run(current: { readonly abort: AbortController; watching: Watching | null }): Promise<void> {
    const { signal } = current.abort;
    try {
      const [watching, release] = await this.#begin();
      current.watching = watching;
      try {
        await watching.run(signal);
      } finally {
        release();
      }
    } catch (error) {
      if (!signal.aborted) this.#complain(error instanceof Error ? error.message : String(error));
    }
  }
}
