import { visit, type Document } from 'yaml';

/** Where the text in quotes begins that the parser took for cut off at `end`; -1: there is none. */
export function cutQuote(document: Document.Parsed, end: number): number {
  let found = -1;
  visit(document, {
    Scalar: (_key, node) => {
      if (node.type?.startsWith('QUOTE') !== true || node.range?.[1] !== end) return undefined;
      found = node.range[0];
      return visit.BREAK;
    },
  });
  return found;
}

/**
 * Text in quotes may go on in lines that are indented less than it, which the parser does not take: it ends the text there. The same file with those lines of the text whose quote
 * stands at `offset` indented; null: that is not what is wrong. What a quoted text means is not changed by blanks at the start of its lines.
 */
export function withIndentedQuote(source: string, offset: number): string | null {
  const quote = source[offset];
  if (quote !== '"' && quote !== '\'') return null;
  const column = offset - (source.lastIndexOf('\n', offset - 1) + 1);
  const parts: string[] = [source.slice(0, offset + 1)];
  let changed = false;
  for (let at = offset + 1; at < source.length; at++) {
    const char = source[at] ?? '';
    if (char === quote && quote === '\'' && source[at + 1] === quote) parts.push(quote, source[++at] ?? '');
    else if (char === '\\' && quote === '"' && source[at + 1] !== '\n') parts.push(char, source[++at] ?? '');
    else if (char === quote) return changed ? parts.join('') + source.slice(at) : null;
    else {
      parts.push(char);
      if (char !== '\n') continue;
      if (/^(---|\.\.\.)(\s|$)/.test(source.slice(at + 1, at + 5))) return null; // a document ends here, whatever is open
      const blanks = /^ */.exec(source.slice(at + 1, at + 2 + column))?.[0].length ?? 0;
      if (blanks >= column || /^\s*(\n|$)/.test(source.slice(at + 1, at + 100).split('\n', 1)[0] ?? '')) continue;
      parts.push(' '.repeat(column - blanks));
      changed = true;
    }
  }
  return null;
}
