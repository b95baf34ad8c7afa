const HEADER = 8;

/** Reads Docker's multiplexed stream: `[stream,0,0,0,length as uint32 big-endian]`, then the bytes. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<{ readonly stream: number; readonly data: Buffer }> {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= HEADER) {
      const end = HEADER + bytes.readUInt32BE(4);
      if (bytes.length < end) break;
      yield { stream: bytes[0] ?? 1, data: bytes.subarray(HEADER, end) };
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}
