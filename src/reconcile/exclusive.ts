/** The reason of a task that is cancelled because nobody waits for it any more. */
export const ALL_LEFT = 'whoever asked for it has left';

/**
 * One pass at a time for each stack. Invariants:
 * - at most one task of a key runs; a newer one cancels it by its AbortSignal and starts only when it has settled;
 * - a request equal to the newest one of its key (same fingerprint) joins it, is told all that it has told so far, and gets its result;
 * - a task that was overtaken before it began never begins;
 * - a task whose clients have all left is cancelled. The signal's reason says in words which of these it was.
 */
export class ExclusiveRunner<T, E = never> {
  readonly #current = new Map<string, Entry<T, E>>();

  /** Runs `task`, or joins an equal one that runs. `cancelled` makes the result of a task that was kept from beginning; what it overtakes is told `by` what. */
  run(key: string, fingerprint: string, task: (signal: AbortSignal, tell: (event: E) => void) => Promise<T>, cancelled: (why: string) => T, by: Asker<E> = {}): Promise<T> {
    const before = this.#current.get(key);
    if (before !== undefined && before.fingerprint === fingerprint && !before.abort.signal.aborted) {
      join(before, by);
      return before.result;
    }
    before?.abort.abort(`a later ${by.title ?? 'request'} of this stack took over`);
    const abort = new AbortController();
    const told: E[] = [];
    const listeners = new Set<(event: E) => void>();
    const tell = (event: E): void => {
      told.push(event);
      for (const listener of listeners) listener(event);
    };
    const result = (before?.result ?? Promise.resolve()).then(() => undefined, () => undefined) // how the one before ended is its caller's matter
      .then(() => (abort.signal.aborted ? cancelled(String(abort.signal.reason)) : task(abort.signal, tell)));
    const entry: Entry<T, E> = { fingerprint, abort, result, told, listeners, clients: 0 };
    this.#current.set(key, entry);
    join(entry, by);
    const leave = (): void => {
      if (this.#current.get(key) === entry) this.#current.delete(key);
    };
    result.then(leave, leave);
    return result;
  }

  /** Whether a task of `key` runs, or waits for the one before it. */
  has(key: string): boolean {
    return this.#current.has(key);
  }

  /** Whether any task does. */
  get isBusy(): boolean {
    return this.#current.size > 0;
  }

  /** Cancels all and waits until they have settled. */
  async close(): Promise<void> {
    const all = [...this.#current.values()];
    for (const { abort } of all) abort.abort('the engine is stopping');
    await Promise.allSettled(all.map(({ result }) => result));
  }
}

export interface Asker<E = never> {
  /** A word for what is asked for, as a person says it: up, down. */
  readonly title?: string;
  /** Aborts when who asked has left. */
  readonly client?: AbortSignal;
  /** Gets to know what the task tells. */
  readonly listener?: (event: E) => void;
}

interface Entry<T, E> { readonly fingerprint: string; readonly abort: AbortController; readonly result: Promise<T>; readonly told: readonly E[]; readonly listeners: Set<(event: E) => void>; clients: number }

function join<T, E>(entry: Entry<T, E>, { client, listener }: Asker<E>): void {
  entry.clients++;
  if (listener !== undefined) {
    entry.told.forEach(listener);
    entry.listeners.add(listener);
  }
  const left = (): void => {
    if (--entry.clients === 0) entry.abort.abort(ALL_LEFT);
  };
  if (client?.aborted === true) left();
  else client?.addEventListener('abort', left, { once: true });
}
