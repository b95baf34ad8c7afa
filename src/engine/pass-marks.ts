import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { PassOptions } from '../state/pass-options.ts';

/** `passes/<stack>.json` of the run folder. 2: orphans that nobody is told of. */
export const MarkFile = z.strictObject({ version: z.literal([1, 2]), revision: z.int().positive(), options: PassOptions, /** Engines that have begun it. */ tries: z.int().positive() });

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
  readonly #report: (line: string) => void;
  readonly #marks = new Map<string, PassMark>();
  /** What engines of before left, and how often they began it. */
  readonly #left: Map<string, z.infer<typeof MarkFile>>;

  /** Reads what is there. */
  constructor(folder: string, report: (line: string) => void) {
    this.#folder = folder;
    this.#report = report;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stacks = readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
    this.#left = new Map(stacks.flatMap((stack) => {
      const mark = this.#read(stack);
      return mark === null ? [] : [[stack, mark] as const];
    }));
  }

  /** Marks a pass in the place of the one before; answers what takes the mark away, unless another one's is there by then. A pass goes on without where there is no room for one. */
  begin(stack: string, mark: PassMark): () => void {
    const before = this.#left.get(stack);
    const tries = before?.revision === mark.revision ? before.tries + 1 : 1;
    const path = this.#path(stack);
    try {
      writeFileSync(`${path}.tmp`, JSON.stringify({ version: 2, ...mark, tries } satisfies z.input<typeof MarkFile>), { mode: 0o600 });
      renameSync(`${path}.tmp`, path);
    } catch (error) {
      this.#report(`${path}: ${error instanceof Error ? error.message : String(error)}: should this engine end meanwhile, the next one does not go on with what is being done to stack ${stack}`);
    }
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
  interrupted(): ReadonlyMap<string, PassMark> {
    for (const [stack, { revision, tries }] of [...this.#left]) {
      if (tries < MAX_TRIES) continue;
      this.#report(`stack ${stack}: ${MAX_TRIES} engines have ended while they made revision ${revision} of it; it is left as it is: run up again`);
      this.drop(stack);
    }
    return new Map(this.#left);
  }

  /** Null where it cannot be read, which is told; it is not gone on with then. */
  #read(stack: string): z.infer<typeof MarkFile> | null {
    const path = this.#path(stack);
    try {
      return MarkFile.parse(JSON.parse(readFileSync(path, 'utf8')));
    } catch (error) {
      this.#report(`${path}: ${error instanceof Error ? error.message : String(error)}: what an engine before was doing to stack ${stack} is not gone on with: run up again`);
      rmSync(path, { force: true });
      return null;
    }
  }

  #path(stack: string): string {
    return join(this.#folder, `${stack}.json`);
  }
}
