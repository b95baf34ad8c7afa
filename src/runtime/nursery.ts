import { type Kernel, KernelError } from './kernel.ts';

/**
 * A process of the core that starts others of its commands by forking: to run the program anew costs each of them a millisecond of processor time. It is there from the first start on, ends with
 * the engine, and is replaced where it was killed.
 */
export class Nursery {
  readonly #kernel: Kernel;
  readonly #core: string;
  #opened: Promise<number> | null = null;
  /** What the process is asked by; null: it is not there yet, or no more. */
  #orders: number | null = null;

  constructor(kernel: Kernel, core: string) {
    this.#kernel = kernel;
    this.#core = core;
  }

  /**
   * Starts `argv` in a session of its own, signals reset, with the descriptors of `fds` (its number → ours) and no others; 0–2 not named are /dev/null. Throws KernelError where it cannot be asked. Where it
   * cannot be started, one line of the core's errors is written to the first of `fds`, and all are closed.
   */
  async start(argv: readonly string[], fds: ReadonlyMap<number, number>): Promise<void> {
    const orders = await this.#open();
    try {
      await this.#kernel.order(orders, argv, fds);
    } catch (error) {
      if (!(error instanceof KernelError && (error.code === 'EPIPE' || error.code === 'ECONNRESET'))) throw error;
      if (this.#orders === orders) this.close();
      await this.#kernel.order(await this.#open(), argv, fds);
    }
  }

  /** Returns when the process has let go of everything; what it has started goes on. */
  close(): void {
    if (this.#orders !== null) this.#kernel.closeNursery(this.#orders);
    this.#orders = null;
    this.#opened = null;
  }

  async #open(): Promise<number> {
    if (this.#orders !== null) return this.#orders;
    this.#opened ??= this.#kernel.openNursery(this.#core);
    try {
      return this.#orders = await this.#opened;
    } catch (error) {
      this.#opened = null;
      throw error;
    }
  }
}
