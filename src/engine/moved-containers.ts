/** On a machine where processes are put into cgroups all the time, looking costs at most one part in so many of a processor. */
const SHARE = 100;
const FIRST_MS = 20;
const REST_MS = 500;

/** Looks which containers are not in their cgroups any more, once for all processes that somebody has put elsewhere shortly after one another: the kernel does not say whose they were. */
export class MovedContainers {
  readonly #look: () => void;
  #timer: NodeJS.Timeout | null = null;
  /** By performance.now(), which nobody sets back. */
  #notBefore = 0;
  #closed = false;

  constructor(look: () => void) {
    this.#look = look;
  }

  soon(): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const begin = performance.now();
      this.#look();
      const end = performance.now();
      this.#notBefore = end + Math.max((end - begin) * SHARE, REST_MS);
    }, Math.max(FIRST_MS, this.#notBefore - performance.now())).unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
