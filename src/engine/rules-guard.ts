/** Rules of others that some program may change all the time take at most one part in so many of a processor, and what they drop is let pass again within half a second. */
const SHARE = 100;
const LONGEST_REST_MS = 400;
const FIRST_MS = 20;

/** Keeps our bridges open in others' chains, once for all that changes in them shortly after one another. */
export class RulesGuard {
  readonly #guard: () => void;
  readonly #report: (line: string) => void;
  #timer: NodeJS.Timeout | null = null;
  /** By performance.now(), which nobody sets back. */
  #notBefore = 0;
  #closed = false;

  constructor(guard: () => void, report: (line: string) => void) {
    this.#guard = guard;
    this.#report = report;
  }

  soon(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const begin = performance.now();
      try {
        this.#guard();
      } catch (error) {
        this.#report(`others' packet rules could not be looked at: ${error instanceof Error ? error.message : String(error)}`);
      }
      const end = performance.now();
      this.#notBefore = end + Math.min((end - begin) * SHARE, LONGEST_REST_MS);
    }, Math.max(FIRST_MS, this.#notBefore - performance.now())).unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
