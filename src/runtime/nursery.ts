import { setTimeout as sleep } from 'node:timers/promises';
import { type Kernel, KernelError } from './kernel.ts';

const GONE: readonly string[] = ['EPIPE', 'ECONNRESET'];
/** So long it is waited for where it takes no more orders: a machine may have no time for it. */
const FULL_MS = 10_000;
const PAUSE_MS = 2;

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
   * cannot be started, one line of the core's errors is written to its standard error, or where it has none of its own to the first of `fds`, and all are closed.
   */
  async start(argv: readonly string[], fds: ReadonlyMap<number, number>): Promise<void> {
    const until = performance.now() + FULL_MS;
    for (let replaced = false; ;) {
      const orders = await this.#open();
      if (orders !== this.#orders) continue; // somebody has found it dead meanwhile
      try {
        return this.#kernel.order(orders, argv, fds);
      } catch (error) {
        const code = error instanceof KernelError ? error.code : '';
        if (GONE.includes(code) && !replaced) {
          this.close();
          replaced = true;
        } else if (code === 'EAGAIN' && performance.now() < until) await sleep(PAUSE_MS); // not on a thread: all other work for those would wait too, should that process stand still
        else throw error;
      }
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
