import { Transform, type TransformCallback } from 'node:stream';
import { BayplanError } from './bayplan-error.ts';

/** As docker's. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/** `ctrl-p,ctrl-q` as the bytes a terminal sends: letters, or `ctrl-` and one of `@`, `a`–`z`, `[`, `\`, `]`, `^`, `_`. Throws `bad-request`. */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.from(text.split(',').map((key) => {
    const [, control] = /^ctrl-([@a-z[\\\]^_])$/.exec(key.toLowerCase()) ?? [];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 0x40;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw new BayplanError('bad-request', `invalid detach keys (${text}): expected letters or ctrl-LETTER, separated by commas, as in "${DEFAULT_DETACH_KEYS}", not "${key}"`);
  }));
}

/** Passes on what is typed until the keys come in a row; those are kept back, and given after all where the row breaks off. */
export class DetachFilter extends Transform {
  readonly #keys: Buffer;
  readonly #detach: () => void;
  #matched = 0;

  constructor(keys: Buffer, detach: () => void) {
    super();
    this.#keys = keys;
    this.#detach = detach;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched < this.#keys.length) continue;
        if (passed.length > 0) this.push(Buffer.from(passed));
        return this.#detach(); // nothing that follows is for the process
      }
      passed.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) passed.push(byte);
    }
    if (passed.length > 0) this.push(Buffer.from(passed));
    done();
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#keys.subarray(0, this.#matched));
  }
}
