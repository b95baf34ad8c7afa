/** A line longer than this is given in parts, so that output without newlines costs no memory. */
const LONGEST = 64 * 1024;

/** A line without its newline, or a part of one. */
export interface LinePart {
  readonly data: Buffer;
  /** False: the next part goes on with this line. */
  readonly ends: boolean;
}

/** Cuts a byte stream into lines. One a stream. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);
  /** The last part did not end its line. */
  #open = false;

  /** Whole lines that end in `data`, and parts of a long one. */
  *push(data: Buffer): Generator<LinePart> {
    let from = 0;
    for (;;) {
      const at = data.indexOf(0x0a, from);
      if (at < 0) break;
      yield this.#take(data.subarray(from, at), true);
      from = at + 1;
    }
    this.#rest = this.#rest.length === 0 ? Buffer.from(data.subarray(from)) : Buffer.concat([this.#rest, data.subarray(from)]);
    if (this.#rest.length >= LONGEST) yield this.#take(Buffer.alloc(0), false);
  }

  /** What was written without a newline. */
  *flush(): Generator<LinePart> {
    if (this.#rest.length > 0 || this.#open) yield this.#take(Buffer.alloc(0), true);
  }

  #take(end: Buffer, ends: boolean): LinePart {
    const data = this.#rest.length === 0 ? end : Buffer.concat([this.#rest, end]);
    this.#rest = Buffer.alloc(0);
    this.#open = !ends;
    return { data, ends };
  }
}
