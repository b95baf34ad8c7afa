import type { Desired } from '../state/state.ts';

/** What follows a stack's files until it is told to end. `desired`: what the stack is by now. */
export interface Watching { run(signal: AbortSignal): Promise<void>; readonly desired: Desired }

export interface WatchSwitchParts {
  /** Keeps others from following the same files, until what it answers is called. */
  readonly lock: () => Promise<() => void>;
  /** Makes a new one, of the files as they are then. */
  readonly begin: () => Promise<Watching>;
  readonly complain: (line: string) => void;
  /** Told after each turn. */
  readonly turned: (on: boolean) => void;
}

interface Current { readonly abort: AbortController; watching: Watching | null }

/** Turns that on and off while `up` shows what services write. */
export class WatchSwitch {
  readonly #parts: WatchSwitchParts;
  #current: Current | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(parts: WatchSwitchParts) {
    this.#parts = parts;
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
    await this.#ended;
  }

  #turnOn(): void {
    const current: Current = { abort: new AbortController(), watching: null };
    this.#current = current;
    this.#ended = this.#run(current).finally(() => {
      this.#current = null;
      this.#parts.turned(false);
    });
    this.#parts.turned(true);
  }

  async #run(current: Current): Promise<void> {
    const { lock, begin, complain } = this.#parts;
    const { signal } = current.abort;
    try {
      const release = await lock();
      try {
        current.watching = await begin();
        await current.watching.run(signal);
      } finally {
        release(); // also where the files cannot be used: it can be turned on again once they can
      }
    } catch (error) {
      if (!signal.aborted) complain(error instanceof Error ? error.message : String(error));
    }
  }
}
