/** Changes that come so close together are one. */
const QUIET_MS = 100;
/** Changes that do not end are let out all the same. */
const LONGEST_MS = 1000;

/** Joins changes: what comes within a short time of each other comes out together, each path once. */
export class Burst {
  readonly #quiet: number;
  readonly #longest: number;
  #paths = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #since = 0;
  #waiting: (() => void) | null = null;
  #due = false;

  constructor(quiet = QUIET_MS, longest = LONGEST_MS) {
    this.#quiet = quiet;
    this.#longest = longest;
  }

  add(path: string): void {
    const now = performance.now();
    if (this.#paths.size === 0) this.#since = now;
    this.#paths.add(path);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(), Math.max(0, Math.min(this.#quiet, this.#since + this.#longest - now)));
  }

  /** The next burst; what comes while nobody waits is in it. Empty once `signal` is aborted. */
  async next(signal: AbortSignal): Promise<ReadonlySet<string>> {
    while (!this.#due && !signal.aborted) await this.#change(signal);
    const paths = signal.aborted ? new Set<string>() : this.#paths;
    this.#paths = new Set();
    this.#due = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    return paths;
  }

  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting = wake;
      signal.addEventListener('abort', wake);
    });
  }

  #end(): void {
    this.#timer = null;
    this.#due = true;
    this.#waiting?.();
    this.#waiting = null;
  }
}
