import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { PassOptions } from '../state/pass-options.ts';

const Mark = z.strictObject({ version: z.literal(1), revision: z.int().positive(), options: PassOptions, /** Engines that have begun it. */ tries: z.int().positive() });

/** Of a stack: what a pass makes so that is under way. */
export interface PassMark { readonly revision: number; readonly options: PassOptions }

/** An engine that ends each time is not brought to it for ever. */
const MAX_TRIES = 3;

/**
 * Marks in the run folder, a file a stack, of the passes that are under way: what the end of an engine cuts off, the next one goes on with. They need not outlive the boot, for a boot brings back all
 * that is desired.
 */
export class PassMarks {
  readonly #folder: string;
  readonly #marks = new Map<string, PassMark>();
  /** What engines of before left, and how often they began it. */
  readonly #left: Map<string, z.infer<typeof Mark> | null>;

  /** Reads what is there. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#left = new Map(readdirSync(folder).map((name) => [name.replace(/\.json$/, ''), this.#read(name.replace(/\.json$/, ''))]));
  }

  /** Marks a pass in the place of the one before; answers what takes the mark away, unless another one's is there by then. */
  begin(stack: string, mark: PassMark): () => void {
    const before = this.#left.get(stack);
    const tries = before?.revision === mark.revision ? before.tries + 1 : 1;
    writeFileSync(this.#path(stack), JSON.stringify({ version: 1, ...mark, tries } satisfies z.input<typeof Mark>), { mode: 0o600 });
    this.#marks.set(stack, mark);
    return () => {
      if (this.#marks.get(stack) === mark) this.drop(stack);
    };
  }

  drop(stack: string): void {
    this.#marks.delete(stack);
    this.#left.delete(stack);
    rmSync(this.#path(stack), { force: true });
  }

  /** What an engine before this one had begun, by stack, and had not come to the end of. One that was begun too often is forgotten and told. To be asked for once, before any pass. */
  interrupted(report: (line: string) => void): ReadonlyMap<string, PassMark> {
    const found = new Map<string, PassMark>();
    for (const [stack, mark] of [...this.#left]) {
      if (mark !== null && mark.tries < MAX_TRIES) {
        found.set(stack, mark);
        continue;
      }
      if (mark !== null) report(`stack ${stack}: ${MAX_TRIES} engines have ended while they made revision ${mark.revision} of it; it is left as it is: run up again`);
      this.drop(stack);
    }
    return found;
  }

  /** Null where the engine ended while it wrote it: nothing had been done then. */
  #read(stack: string): z.infer<typeof Mark> | null {
    try {
      return Mark.parse(JSON.parse(readFileSync(this.#path(stack), 'utf8')));
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof z.ZodError) return null;
      throw error;
    }
  }

  #path(stack: string): string {
    return join(this.#folder, `${stack}.json`);
  }
}
