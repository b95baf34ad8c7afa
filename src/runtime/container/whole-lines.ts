import type { LogRecord } from './containers.ts';

/** Bytes of a line's rest that are left out at most: output without newlines would vanish altogether. */
const MOST = 64 * 1024;

/** Leaves out what a log begins with in the middle of a line: the file that had the line's beginning was rotated away. One a log. */
export class WholeLines {
  /** Bytes left out of each stream; null: a line's beginning has been seen. */
  readonly #skipped: Record<LogRecord['stream'], number | null> = { stdout: 0, stderr: 0 };

  /** The records, less the rest of a line whose beginning is gone. */
  of(records: readonly LogRecord[]): readonly LogRecord[] {
    return records.flatMap((record) => {
      const skipped = this.#skipped[record.stream];
      if (skipped === null) return [record];
      const from = record.goesOn ? record.data.indexOf(0x0a) + 1 : 0;
      if (record.goesOn && from === 0 && skipped + record.data.length <= MOST) {
        this.#skipped[record.stream] = skipped + record.data.length;
        return [];
      }
      this.#skipped[record.stream] = null;
      return from < record.data.length ? [{ ...record, data: record.data.subarray(from), goesOn: record.goesOn && from === 0 }] : [];
    });
  }
}
