/**
 * Keeps removals of content away from what brings content in or counts on it: work that is under way is waited for, work that comes
 * meanwhile waits. Only the files are waited for; a name is taken away at once.
 */
export class InFlight {
  #count = 0;
  #due: (() => Promise<void>) | null = null;
  #removing: Promise<void> | null = null;

  /** Runs work whose content stays while it runs. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    while (this.#removing !== null) await this.#removing;
    this.#count++;
    try {
      return await work();
    } finally {
      this.#count--;
      await this.#runDue();
    }
  }

  /** Runs `removal` now, or, where work is under way, when the last of it has ended: the latest that was asked for stands for all. */
  async whenIdle(removal: () => Promise<void>): Promise<void> {
    this.#due = removal;
    while (this.#removing !== null) await this.#removing;
    await this.#runDue();
  }

  async #runDue(): Promise<void> {
    const removal = this.#due;
    if (removal === null || this.#count > 0 || this.#removing !== null) return;
    this.#due = null;
    this.#removing = removal();
    try {
      await this.#removing;
    } finally {
      this.#removing = null;
    }
  }
}
