import { isCollection, isScalar, parseAllDocuments, visit } from 'yaml';

/**
 * YAML takes no tab for indentation. Where it is none, at the start of a line within brackets or quotes, it stands for a blank, which the parser has to be
 * told: `text` has blanks there, at the same offsets. `wrong` are the offsets of tabs that indent.
 */
export function withoutTabs(source: string): { readonly text: string; readonly wrong: readonly number[] } {
  if (!source.includes('\t')) return { text: source, wrong: [] };
  // The first few are enough to tell.
  const tabs = [...source.slice(0, 2 ** 18).matchAll(/^ *(?:- *)*\t/gm)].map(({ index, 0: match }) => index + match.length - 1).slice(0, 1000);
  if (tabs.length === 0) return { text: source, wrong: [] };
  const spans = spansOf(blanked(source, tabs));
  const at = (offset: number): Span['kind'] | undefined => spans.findLast(({ from, to }) => from < offset && offset < to)?.kind;
  return { text: blanked(source, tabs.filter((tab) => at(tab) === 'inline')), wrong: tabs.filter((tab) => at(tab) === undefined) };
}

/** With a blank for each tab from these places on. */
function blanked(source: string, tabs: readonly number[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const tab of tabs) {
    const length = /^\t*/.exec(source.slice(tab, tab + 200))?.[0].length ?? 0;
    parts.push(source.slice(at, tab), ' '.repeat(length));
    at = tab + length;
  }
  return [...parts, source.slice(at)].join('');
}

interface Span { readonly from: number; readonly to: number; readonly kind: 'inline' | 'block' }

/** Brackets and quotes, and text below a `|` or `>`; inner ones after the outer. */
function spansOf(text: string): readonly Span[] {
  const spans: Span[] = [];
  for (const document of parseAllDocuments(text, { version: '1.2', schema: 'failsafe', uniqueKeys: false, logLevel: 'silent', prettyErrors: false })) {
    visit(document, {
      Node: (_key, node) => {
        const [from = 0, to = 0] = node.range ?? [];
        if (isCollection(node) && node.flow === true) spans.push({ from, to, kind: 'inline' });
        if (isScalar(node) && node.type?.startsWith('QUOTE') === true) spans.push({ from, to, kind: 'inline' });
        if (isScalar(node) && node.type?.startsWith('BLOCK') === true) spans.push({ from, to: to + 1, kind: 'block' });
      },
    });
  }
  return spans;
}
