import { BayplanError } from '../state/bayplan-error.ts';

/** One that is being made. */
interface Making { readonly abort: AbortController; readonly done: Promise<unknown> }

/**
 * Orders the making of a stack's one-offs with its end. Invariants:
 * - while a stack goes down none is being made: what was on its way is cancelled and has settled before, what comes then waits;
 * - one that was made before is there for the pass that takes the stack down.
 */
export class OneOffs {
  readonly #making = new Map<string, Set<Making>>();
  /** How many times each stack is being taken down, and the end of all that. */
  readonly #ending = new Map<string, Promise<void>>();

  /** Makes a one-off with `make`, once the stack is not going down. Rejects with BayplanError `cancelled` where its stack goes down meanwhile. */
  async make<T>(stack: string, make: (signal: AbortSignal) => Promise<T>): Promise<T> {
    for (let ending = this.#ending.get(stack); ending !== undefined; ending = this.#ending.get(stack)) await ending;
    const abort = new AbortController();
    const made = make(abort.signal);
    const making = { abort, done: made.catch(() => undefined) }; // its failure is its caller's
    const all = this.#making.get(stack) ?? new Set();
    this.#making.set(stack, all.add(making));
    try {
      return await made;
    } catch (error) {
      throw abort.signal.aborted ? new BayplanError('cancelled', `cancelled: ${String(abort.signal.reason)}`, { cause: error }) : error;
    } finally {
      all.delete(making);
      if (all.size === 0) this.#making.delete(stack);
    }
  }

  /** Does `end`, which takes the stack down, while none is being made. */
  async without<T>(stack: string, end: () => Promise<T>): Promise<T> {
    const before = this.#ending.get(stack) ?? Promise.resolve();
    const { promise, resolve } = settling();
    const ending = Promise.all([before, promise]).then(() => undefined);
    this.#ending.set(stack, ending);
    try {
      const making = [...this.#making.get(stack) ?? []];
      for (const { abort } of making) abort.abort('a later down of this stack took over');
      await Promise.all(making.map(({ done }) => done));
      return await end();
    } finally {
      resolve();
      if (this.#ending.get(stack) === ending) this.#ending.delete(stack);
    }
  }
}

function settling(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => { resolve = settle; });
  return { promise, resolve };
}
