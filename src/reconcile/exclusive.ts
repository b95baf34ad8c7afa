/**
 * One pass at a time for each stack. Invariants:
 * - at most one task of a key runs; a newer one cancels it by its AbortSignal and starts only when it has settled;
 * - a request equal to the newest one of its key (same fingerprint) joins it and gets its result;
 * - a task that was overtaken before it began never begins.
 */
export class ExclusiveRunner<T> {
  readonly #current = new Map<string, { readonly fingerprint: string; readonly abort: AbortController; readonly result: Promise<T> }>();

  /** Runs `task`, or joins an equal one that runs. `overtaken` is the result of a task that a newer one kept from beginning. */
  run(key: string, fingerprint: string, task: (signal: AbortSignal) => Promise<T>, overtaken: T): Promise<T> {
    const before = this.#current.get(key);
    if (before !== undefined && before.fingerprint === fingerprint && !before.abort.signal.aborted) return before.result;
    before?.abort.abort();
    const abort = new AbortController();
    const result = (before?.result ?? Promise.resolve()).then(() => undefined, () => undefined) // how the one before ended is its caller's matter
      .then(() => (abort.signal.aborted ? overtaken : task(abort.signal)));
    const entry = { fingerprint, abort, result };
    this.#current.set(key, entry);
    const leave = (): void => {
      if (this.#current.get(key) === entry) this.#current.delete(key);
    };
    result.then(leave, leave);
    return result;
  }

  /** Whether a task of the key runs or waits. */
  busy(key: string): boolean {
    return this.#current.has(key);
  }

  /** Cancels all and waits until they have settled. */
  async close(): Promise<void> {
    const all = [...this.#current.values()];
    for (const { abort } of all) abort.abort();
    await Promise.allSettled(all.map(({ result }) => result));
  }
}
