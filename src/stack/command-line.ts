/**
 * Splits a command written as one string into words as docker compose does: blanks separate, quotes and backslashes keep together.
 * Nothing is expanded, and no shell runs: the command ends before an unquoted `;`, `&`, `|`, `<` or `>`. Null: a quote
 * or a parenthesis is not closed.
 */
export function splitCommandLine(text: string): string[] | null {
  const words: string[] = [];
  let word = '';
  // A word has begun, even if it is empty so far.
  let begun = false;
  const open = { single: false, double: false, back: false, dollar: false };
  let escaped = false;
  for (const char of text) {
    const { single, double, back, dollar } = open;
    const quoted = single || double || back || dollar;
    if (escaped) {
      word += char;
      escaped = false;
      begun = true;
      continue;
    }
    if (char === '\\' && !single) {
      escaped = true;
      continue;
    }
    if (' \t\r\n'.includes(char)) {
      if (quoted) word += char;
      else if (begun) {
        words.push(word);
        word = '';
        begun = false;
      }
      continue;
    }
    if (char === '"' && !single && !dollar) {
      begun ||= double;
      open.double = !double;
      continue;
    }
    if (char === "'" && !double && !dollar) {
      begun ||= single;
      open.single = !single;
      continue;
    }
    if (char === '(' && !single && !double && !back) {
      if (dollar || !word.endsWith('$')) return null;
      open.dollar = true;
    } else if (char === ')' && !single && !double && !back) {
      open.dollar = !dollar;
    } else if (char === '`' && !single && !double && !dollar) {
      open.back = !back;
    } else if (!quoted && ';&|<>'.includes(char)) {
      // `2>` is no word of the command either.
      if (char === '>' && /^\d/.test(word)) begun = false;
      break;
    }
    word += char;
    begun = true;
  }
  if (begun) words.push(word);
  return open.single || open.double || open.back || open.dollar || escaped ? null : words;
}
