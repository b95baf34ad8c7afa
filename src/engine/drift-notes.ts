import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import * as z from 'zod';
import { Ward } from './drift-machine.ts';

/** What is under care, by stack and then by object. */
export type Wards = Map<string, Map<string, Ward>>;

/** `drift.json` of the run folder. */
export const DriftFile = z.object({ version: z.literal(1), stacks: z.record(z.string(), z.record(z.string(), Ward)) });

/**
 * What has been tried about drift, kept in the run folder: it outlives the engine, so that the next one does not begin the same in vain anew, and goes with the boot. What is merely told, or not tried yet, is
 * found again.
 */
export class DriftNotes {
  readonly #path: string;
  readonly #report: (line: string) => void;
  /** Null: what an engine before has left. */
  #written: string | null = null;

  constructor(path: string, report: (line: string) => void) {
    this.#path = path;
    this.#report = report;
  }

  read(): Wards {
    try {
      const { stacks } = DriftFile.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
      return new Map(Object.entries(stacks).map(([stack, wards]) => [stack, new Map(Object.entries(wards))]));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) this.#report(`${this.#path}: ${error instanceof Error ? error.message : String(error)}: what was tried about drift before is not known`);
      return new Map();
    }
  }

  write(wards: Wards): void {
    const kept = [...wards].flatMap(([stack, all]) => {
      const tried = [...all].filter(([, { state, heals, others, failures }]) => state !== 'reported' && heals + failures + Object.keys(others).length > 0);
      return tried.length === 0 ? [] : [[stack, Object.fromEntries(tried)] as const];
    });
    const text = kept.length === 0 ? '' : JSON.stringify({ version: 1, stacks: Object.fromEntries(kept) });
    if (text === this.#written) return;
    try {
      if (text === '') rmSync(this.#path, { force: true });
      else {
        writeFileSync(`${this.#path}.tmp`, text, { mode: 0o600 });
        renameSync(`${this.#path}.tmp`, this.#path);
      }
      this.#written = text;
    } catch (error) { // healing goes on, and the next change is written again
      this.#report(`${this.#path}: ${error instanceof Error ? error.message : String(error)}: the next engine will not know what was tried about drift`);
    }
  }
}
