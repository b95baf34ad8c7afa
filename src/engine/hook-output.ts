import type { OnHookOutput } from '../runtime/container/run-hook.ts';

/** Receives what a hook of the container writes, and when, in ms since the epoch. */
export type HookListener = (name: string, time: number, ...output: Parameters<OnHookOutput>) => void;

/** So many bytes of the latest output are remembered, for those who begin to listen a moment after a container's start. */
const REMEMBERED = 256 * 1024;

/** What post_start and pre_stop hooks write: for those who listen, and kept nowhere. */
export class HookOutput {
  readonly #listeners = new Set<HookListener>();
  readonly #latest: Parameters<HookListener>[] = [];
  #bytes = 0;

  tell(...output: Parameters<HookListener>): void {
    this.#latest.push(output);
    this.#bytes += output[3].length;
    while (this.#bytes > REMEMBERED) this.#bytes -= this.#latest.shift()?.[3].length ?? 0;
    for (const listener of this.#listeners) listener(...output);
  }

  /** Calls `listener` with what was written since then (ms since the epoch), as far as it is remembered, and with what comes, until the returned function is called. */
  onOutput(listener: HookListener, since: number): () => void {
    for (const output of this.#latest) if (output[1] >= since) listener(...output);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
