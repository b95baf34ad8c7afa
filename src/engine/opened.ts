/** What has been opened so far, to be closed in the opposite order: when all of it is done with, or when the next thing cannot be opened. */
export class Opened {
  readonly #closers: (() => void)[] = [];

  /** Takes charge of something; answers it. */
  add<T>(thing: T, close: (thing: T) => void): T {
    this.#closers.push(() => close(thing));
    return thing;
  }

  /** Closes everything once. What cannot be closed keeps nothing else open; then throws the first failure. */
  close(): void {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
