/** Between a look that has failed and the next one, more and more. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

interface Failed { readonly cause: string; readonly times: number; readonly timer: NodeJS.Timeout }

/** Looks that fail, by what they are at: each costs only itself, is told once for each cause, and is made again later and later. */
export class FailedLooks {
  readonly #report: (line: string) => void;
  readonly #failed = new Map<string, Failed>();
  #closed = false;

  constructor(report: (line: string) => void) {
    this.#report = report;
  }

  /** `again`: asks for the next look. */
  async attempt(what: string, look: () => void | Promise<void>, again: () => void): Promise<void> {
    try {
      await look();
      this.forget(what);
    } catch (error) {
      if (this.#closed) return; // what it looks at was let go of meanwhile
      const cause = error instanceof Error ? error.message : String(error);
      const before = this.#failed.get(what);
      if (before?.cause !== cause) this.#report(lineOf(what, cause));
      const times = (before?.times ?? 0) + 1;
      this.forget(what);
      this.#failed.set(what, { cause, times, timer: setTimeout(again, Math.min(FIRST_MS * 2 ** (times - 1), LONGEST_MS)).unref() });
    }
  }

  /** It need not be looked at any more, or was with success. */
  forget(what: string): void {
    clearTimeout(this.#failed.get(what)?.timer);
    this.#failed.delete(what);
  }

  /** Of these, a line for each whose latest look has failed. */
  causes(all: readonly string[]): readonly string[] {
    return all.flatMap((what) => {
      const failed = this.#failed.get(what);
      return failed === undefined ? [] : [lineOf(what, failed.cause)];
    });
  }

  close(): void {
    this.#closed = true;
    for (const what of [...this.#failed.keys()]) this.forget(what);
  }
}

function lineOf(what: string, cause: string): string {
  return `${what} could not be looked at, and may have drifted: ${cause}`;
}
