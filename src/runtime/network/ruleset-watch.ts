import type { Kernel } from '../kernel.ts';
import { rulesetGeneration } from './ruleset-generation.ts';

const INTERVAL_MS = 1000;

/** Calls `look` within a second of any change of the ruleset, whoever made it. */
export class RulesetWatch {
  readonly #kernel: Kernel;
  readonly #look: () => void;
  #timer: NodeJS.Timeout | null = null;
  #seen = 0;
  #problem = '';

  constructor(kernel: Kernel, look: () => void) {
    this.#kernel = kernel;
    this.#look = look;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#tick(), INTERVAL_MS).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Why the last look failed, a line; none where it did not. */
  notices(): readonly string[] {
    return this.#problem === '' ? [] : [`packet rules could not be looked at: ${this.#problem}`];
  }

  async #tick(): Promise<void> {
    try {
      const generation = await rulesetGeneration(this.#kernel);
      if (generation === this.#seen || this.#timer === null) return;
      this.#look();
      this.#seen = generation; // what `look` itself changed is looked at once more, and found in order
      this.#problem = '';
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
    }
  }
}
