import { formatMistake, type Mistake } from './mistake.ts';

/** Marks where a line was cut. */
const CUT = '…';

/** How many columns of a terminal a character takes: none for what is laid over another, two for wide ones. */
function widthOf(character: string): number {
  if (/\p{Mark}|[\u200b-\u200f\ufe0f]/u.test(character)) return 0;
  return /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(character) ? 2 : 1;
}

/** One character of a file as it may reach a terminal: blanks for tabs, and control characters spelled out, since they could steer it. */
function shown(character: string): string {
  if (character === '\t') return ' ';
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\ufffd]/u.test(character) ? `<${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>` : character;
}

/**
 * A mistake as a person reads it: `file:line:column: message`, and below it the line of the file with a caret under the place, both no wider than `width` columns.
 *
 *     compose.yaml:4:5: services.web: unknown key "prots" in a service; did you mean "ports"?
 *       4 |     prots: []
 *         |     ^
 */
export function describeMistake(mistake: Mistake, width: number): string {
  const first = formatMistake(mistake);
  if (mistake.line === 0) return first;
  const number = String(mistake.line);
  const margin = ' '.repeat(number.length);
  const { text, at } = cutTo(mistake, Math.max(20, width - number.length - 5));
  return `${first}\n  ${number} |${text === '' ? '' : ` ${text}`}\n  ${margin} | ${' '.repeat(at)}^`;
}

/** The part of the line around the place that fits, and how many columns stand before the place. */
function cutTo({ excerpt, caret }: Mistake, room: number): { readonly text: string; readonly at: number } {
  const before = Array.from(excerpt.slice(0, caret - 1), shown);
  // A place past the end of the line is told by the column after it.
  const after = Array.from(excerpt.slice(caret - 1), shown);
  const columns = (parts: readonly string[]): number => Array.from(parts.join('')).reduce((sum, character) => sum + widthOf(character), 0);
  let cutBefore = false;
  while (before.length > 0 && columns(before) + Math.min(columns(after), room >> 1) + (cutBefore ? 1 : 0) > room - 1) {
    before.shift();
    cutBefore = true;
  }
  const head = `${cutBefore ? CUT : ''}${before.join('')}`;
  const at = columns([head]);
  let cutAfter = false;
  while (after.length > 0 && at + columns(after) + (cutAfter ? 1 : 0) > room) {
    after.pop();
    cutAfter = true;
  }
  return { text: `${head}${after.join('')}${cutAfter ? CUT : ''}`, at };
}
