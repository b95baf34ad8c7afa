/** On a machine where what is looked at changes all the time, looking takes at most one part in so many of a processor. */
const SHARE = 100;
const FIRST_MS = 20;

export interface Look {
  readonly look: () => void;
  /** What is told of one that fails: `packet rules could not be looked at`. */
  readonly failure: string;
  /** After a look that took long a rest is no shorter and no longer than this. */
  readonly restMs: { readonly least: number; readonly most: number };
  readonly report: (line: string) => void;
}

/** Looks once for all that changes shortly after one another, and rests after each look in proportion to what it took. One that fails is told, and the next one comes all the same. */
export class SeldomLook {
  readonly #look: Look;
  #timer: NodeJS.Timeout | null = null;
  /** By performance.now(), which nobody sets back. */
  #notBefore = 0;
  #closed = false;

  constructor(look: Look) {
    this.#look = look;
  }

  soon(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const { look, failure, restMs, report } = this.#look;
      const begin = performance.now();
      try {
        look();
      } catch (error) {
        report(`${failure}: ${error instanceof Error ? error.message : String(error)}`);
      }
      const end = performance.now();
      this.#notBefore = end + Math.max(restMs.least, Math.min((end - begin) * SHARE, restMs.most));
    }, Math.max(FIRST_MS, this.#notBefore - performance.now())).unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
