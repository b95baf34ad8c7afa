/**
 * `; did you mean "ports"?`, or '' where no known name is near: at most a third of the letters differ (Levenshtein, with a
 * swap of neighbours as one). A `prefix` that all names have makes none of them nearer.
 */
export function suggest(name: string, known: Iterable<string>, prefix = ''): string {
  let best = '';
  let bound = Math.max(1, Math.floor((name.length - prefix.length) / 3)) + 1;
  let tried = 0;
  for (const candidate of known) {
    if (++tried > most) break;
    if (Math.abs(candidate.length - name.length) >= bound) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bound) {
      bound = distance;
      best = candidate;
    }
  }
  return best === '' ? '' : `; did you mean "${best}"?`;
}

/** Each costs some time; a file with more names has to do without some. */
const most = 300;

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[to.length] ?? 0;
}
