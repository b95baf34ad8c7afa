/** Changes that an engine before this one had begun, as they are being finished, by the stack they are of. */
export class PendingChanges {
  readonly #work = new Map<string, Promise<void>>();

  /** `work` never rejects. */
  add(stack: string, work: Promise<void>): void {
    const all = Promise.all([this.of(stack), work]).then(() => {
      if (this.#work.get(stack) === all) this.#work.delete(stack);
    });
    this.#work.set(stack, all);
  }

  has(stack: string): boolean {
    return this.#work.has(stack);
  }

  /** Resolves once there are none of the stack. */
  async of(stack: string): Promise<void> {
    await this.#work.get(stack);
  }

  /** The same of any stack. */
  async all(): Promise<void> {
    await Promise.all(this.#work.values());
  }
}
