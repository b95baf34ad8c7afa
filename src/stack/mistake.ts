import type { Place } from './source-text.ts';

/** One mistake of a stack file. `line` and `column` count from 1; `line` 0: the file as a whole. */
export interface Mistake {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What was expected, what was got, and the nearest right name. */
  readonly message: string;
  /** The line of the file it stands on; of a long one the part around the column. */
  readonly excerpt: string;
  /** Where in the excerpt it stands, from 1. */
  readonly caret: number;
}

/** `file:line:column: message`, one line. */
export function formatMistake(mistake: Mistake): string {
  const where = mistake.line === 0 ? mistake.file : `${mistake.file}:${String(mistake.line)}:${String(mistake.column)}`;
  return `${where}: ${mistake.message}`;
}

/** Makes the mistake that stands at a place. */
export function mistakeAt(place: Place, message: string): Mistake {
  return { file: place.source.file, ...place.source.locate(place.offset), message };
}

/** Thrown where a file has more mistakes than anybody reads: looking for the rest would only take time. */
export class TooManyMistakes extends Error {}

/** Collects mistakes through all passes, and throws TooManyMistakes once there are `most`. The same one found twice (through an alias) counts once. */
export class Mistakes {
  readonly #found = new Map<string, Mistake>();
  readonly #files: string[] = [];
  readonly #closed = new Set<string>();
  readonly #most: number;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  get count(): number {
    return this.#found.size;
  }

  add(place: Place, message: string): void {
    const mistake = mistakeAt(place, message);
    if (!this.#closed.has(positionOf(mistake))) this.#keep(mistake);
  }

  /** A mistake after which there is no value: what later passes find at the same place only follows from it. */
  addLast(place: Place, message: string): void {
    const mistake = mistakeAt(place, message);
    this.#keep(mistake);
    this.#closed.add(positionOf(mistake));
  }

  /** A mistake about a file as a whole, or about no file (`file` then names the option). */
  addFile(file: string, message: string): void {
    this.#keep({ file, line: 0, column: 0, message, excerpt: '', caret: 0 });
  }

  /** Those of another collection too. */
  addAll(others: Mistakes): void {
    for (const mistake of others.#found.values()) if (!this.#closed.has(positionOf(mistake))) this.#keep(mistake);
  }

  /** File by file in the order they were met, top to bottom. */
  all(): readonly Mistake[] {
    const order = (mistake: Mistake): number => this.#files.indexOf(mistake.file);
    return [...this.#found.values()].sort((a, b) => order(a) - order(b) || a.line - b.line || a.column - b.column);
  }

  #keep(mistake: Mistake): void {
    if (!this.#files.includes(mistake.file)) this.#files.push(mistake.file);
    this.#found.set(formatMistake(mistake), mistake);
    if (this.#found.size >= this.#most) throw new TooManyMistakes();
  }
}

function positionOf(mistake: Mistake): string {
  return `${mistake.file}:${String(mistake.line)}:${String(mistake.column)}`;
}
