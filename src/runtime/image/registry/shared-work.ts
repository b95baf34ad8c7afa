/**
 * Work that several may ask for at the same time and that is done once: the first to ask begins it, others join. All hear of its progress, beginning with the latest; it is
 * aborted when all who asked have left.
 */
export class SharedWork<T, P> {
  readonly #running = new Map<string, { readonly result: Promise<T>; readonly abort: AbortController; readonly listeners: Set<(progress: P) => void>; waiting: number }>();

  async run(key: string, work: (signal: AbortSignal, onProgress: (progress: P) => void) => Promise<T>, signal: AbortSignal, onProgress: (progress: P) => void): Promise<T> {
    signal.throwIfAborted();
    let entry = this.#running.get(key);
    if (entry === undefined || entry.abort.signal.aborted) {
      const abort = new AbortController();
      const listeners = new Set<(progress: P) => void>();
      const result = work(abort.signal, (progress) => listeners.forEach((listener) => listener(progress)));
      const begun = { result, abort, listeners, waiting: 0 };
      this.#running.set(key, entry = begun);
      const ended = (): void => {
        if (this.#running.get(key) === begun) this.#running.delete(key);
      };
      result.then(ended, ended);
    }
    const { result, abort, listeners } = entry;
    const joined = entry;
    joined.waiting++;
    listeners.add(onProgress);
    let leave = (): void => undefined;
    try {
      return await Promise.race([result, new Promise<never>((_, reject) => {
        leave = () => reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
        signal.addEventListener('abort', leave, { once: true });
      })]);
    } finally {
      signal.removeEventListener('abort', leave);
      listeners.delete(onProgress);
      if (--joined.waiting === 0) abort.abort(new Error('nobody waits for it any more'));
    }
  }
}
