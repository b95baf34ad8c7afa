import { type Printed, PrintedFloat } from './form.ts';

/** JSON as docker compose writes it: two blanks of indentation, `<`, `>` and `&` escaped. */
export function jsonText(value: Printed): string {
  return write(value, '');
}

/** The same on one line without a blank. */
export function compactJson(value: Printed): string {
  if (value instanceof Map) return `{${[...value].map(([key, each]: [string, Printed]) => `${text(key)}:${compactJson(each)}`).join(',')}}`;
  if (Array.isArray(value)) return `[${value.map((each: Printed) => compactJson(each)).join(',')}]`;
  return write(value, '');
}

function write(value: Printed, indent: string): string {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof PrintedFloat) return String(value.value);
  if (value instanceof Date) return text(dateText(value));
  const deeper = `${indent}  `;
  if (value instanceof Map) {
    const entries = [...value].map(([key, each]: [string, Printed]) => `${deeper}${text(key)}: ${write(each, deeper)}`);
    return entries.length === 0 ? '{}' : `{\n${entries.join(',\n')}\n${indent}}`;
  }
  if (Array.isArray(value)) {
    const items = value.map((each: Printed) => `${deeper}${write(each, deeper)}`);
    return items.length === 0 ? '[]' : `[\n${items.join(',\n')}\n${indent}]`;
  }
  return JSON.stringify(value);
}

/** Half of a surrogate pair, which a byte that is no UTF-8 was read as, is U+FFFD to docker compose. */
function text(value: string): string {
  return JSON.stringify(value).replace(/(?<=[^\\](?:\\\\)*)\\ud[89a-f]../g, '\\ufffd').replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A date as RFC 3339 has it, without a fraction where there is none. */
export function dateText(value: Date): string {
  return value.toISOString().replace(/\.?0+Z$/, 'Z');
}
