/** Large enough that a write's own cost does not count. */
const SIZE = 256 * 1024;

/** Gathers chunks into writes of one size: while one buffer is being written, the other one fills. */
export class DoubleBuffer {
  readonly #write: (bytes: Buffer) => Promise<void>;
  #filling = Buffer.allocUnsafeSlow(SIZE);
  #resting = Buffer.allocUnsafeSlow(SIZE);
  #length = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(write: (bytes: Buffer) => Promise<void>) {
    this.#write = write;
  }

  /** Takes a chunk, which may be used again at once. What a write throws, the next call throws. */
  async push(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.copy(this.#filling, this.#length, at);
      this.#length += taken;
      at += taken;
      if (this.#length === SIZE) await this.#handOver();
    }
  }

  /** Writes what is left; resolves when all is written. */
  async flush(): Promise<void> {
    if (this.#length > 0) await this.#handOver();
    await this.#writing;
  }

  async #handOver(): Promise<void> {
    await this.#writing;
    const full = this.#filling.subarray(0, this.#length);
    [this.#filling, this.#resting] = [this.#resting, this.#filling];
    this.#length = 0;
    this.#writing = this.#write(full);
    this.#writing.catch(() => undefined); // thrown where it is awaited
  }
}
