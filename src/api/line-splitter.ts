/** A line longer than this is given in parts, so that output without newlines costs no memory. */
const LONGEST = 64 * 1024;

/** Cuts a byte stream into lines, without their newlines. One a stream. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  /** Whole lines that end in `data`. */
  *push(data: Buffer): Generator<Buffer> {
    let from = 0;
    for (;;) {
      const at = data.indexOf(0x0a, from);
      if (at < 0) break;
      yield this.#take(data.subarray(from, at));
      from = at + 1;
    }
    this.#rest = this.#rest.length === 0 ? Buffer.from(data.subarray(from)) : Buffer.concat([this.#rest, data.subarray(from)]);
    if (this.#rest.length >= LONGEST) yield* this.flush();
  }

  /** What was written without a newline. */
  *flush(): Generator<Buffer> {
    if (this.#rest.length > 0) yield this.#take(Buffer.alloc(0));
  }

  #take(end: Buffer): Buffer {
    const line = this.#rest.length === 0 ? end : Buffer.concat([this.#rest, end]);
    this.#rest = Buffer.alloc(0);
    return line;
  }
}
