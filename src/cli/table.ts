/** Columns of text as docker's tables are: at least `least` characters wide, what is in them and `gap` blanks. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], { least = 10, gap = 3 }: { readonly least?: number; readonly gap?: number } = {}): string {
  const widths = head.map((title, column) => Math.max(least, gap + Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length))));
  return [head, ...rows].map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('').trimEnd()}\n`).join('');
}
