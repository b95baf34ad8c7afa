import type { Scalar } from './tree.ts';

/** What a plain scalar of YAML means to docker compose's parser, which is 1.2's core schema with some of 1.1 left in. */
export function plainScalar(text: string): Scalar {
  if (words.has(text)) return words.get(text) ?? null;
  const first = text.charCodeAt(0);
  // A digit, a sign or a point: all else is text.
  if (!((first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46)) return text;
  if (first !== 46) {
    if (isDate(text)) return new Date(dateText(text));
    const whole = integerOf(text.replaceAll('_', ''));
    if (whole !== null) return whole;
  }
  const plain = first === 46 ? text : text.replaceAll('_', '');
  if (!/^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(plain)) return text;
  const value = Number(plain);
  return Number.isFinite(value) ? value : text; // 6e1234567 may well be the name of a commit
}

const words = new Map<string, Scalar>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word): [string, Scalar] => [word, null]),
  ...['true', 'True', 'TRUE'].map((word): [string, Scalar] => [word, true]),
  ...['false', 'False', 'FALSE'].map((word): [string, Scalar] => [word, false]),
  ...['.nan', '.NaN', '.NAN'].map((word): [string, Scalar] => [word, Number.NaN]),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word): [string, Scalar] => [word, Infinity]),
  ...['-.inf', '-.Inf', '-.INF'].map((word): [string, Scalar] => [word, -Infinity]),
]);

/** Decimal, or by its prefix: `0x1f`, `0b11`, `0o14` and the older `014`. Null: no integer, or one that 64 bits do not hold; with a sign, 63. */
function integerOf(text: string): number | null {
  const parts = /^([-+]?)(0[xX][\da-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9]\d*)$/.exec(text);
  if (parts === null) return null;
  const digits = parts[2] ?? '';
  const value = Number(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (parts[1] !== '' && value >= 2 ** 63 && !fitsSigned(text)) return null;
  return value < 2 ** 64 ? (parts[1] === '-' && value !== 0 ? -value : value) : null;
}

function fitsSigned(text: string): boolean {
  const whole = BigInt(exactInteger(text));
  return whole >= -(2n ** 63n) && whole < 2n ** 63n;
}

/** Whether a plain scalar is an integer, and not a float with a whole value. */
export function isInteger(text: string): boolean {
  return integerOf(text.replaceAll('_', '')) !== null;
}

/** A whole number too large for a float, exactly. */
export function exactInteger(text: string): string {
  const parts = /^([-+]?)(.*)$/.exec(text.replaceAll('_', ''));
  const digits = parts?.[2] ?? '';
  return `${parts?.[1] === '-' ? '-' : ''}${BigInt(/^0\d/.test(digits) ? `0o${digits.slice(1)}` : digits).toString()}`;
}

const dates = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ ]+)(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?(Z|[-+]\d{2}:\d{2})?)?$/;

function isDate(text: string): boolean {
  return text[4] === '-' && dates.test(text) && !Number.isNaN(Date.parse(dateText(text)));
}

function dateText(text: string): string {
  const [, year, month = '', day = '', hour = '0', minute = '0', second = '0', part = '', zone = 'Z'] = dates.exec(text) ?? [];
  const two = (digits: string): string => digits.padStart(2, '0');
  return `${year ?? ''}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${part}${zone}`;
}
