/** How much of a line is quoted, in characters. */
const EXCERPT = 400;

/** The text of one file, which finds line and column only when a mistake needs them. */
export class SourceText {
  readonly file: string;
  readonly text: string;
  #lineStarts: number[] | null = null;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  /** Line and column (both from 1) of an offset, and the line it stands on (of a long one the part around it), with the column in that. */
  locate(offset: number): { line: number; column: number; excerpt: string; caret: number } {
    const starts = (this.#lineStarts ??= lineStarts(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const start = starts[low] ?? 0;
    const end = this.text.indexOf('\n', start);
    const from = Math.max(start, offset - EXCERPT / 2);
    const excerpt = this.text.slice(from, Math.min(end < 0 ? this.text.length : end, from + EXCERPT)).trimEnd();
    return { line: low + 1, column: offset - start + 1, excerpt, caret: offset - from + 1 };
  }
}

/** Where something stands. Every node of a tree carries one, so that merging files never loses positions. */
export interface Place {
  readonly source: SourceText;
  readonly offset: number;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
