import { type Printed } from './form.ts';
import { dateText } from './json-text.ts';
import { plainScalar } from './scalar.ts';

/** YAML as docker compose writes it: lists indented below their key, quotes only where a plain scalar would mean something else. */
export function yamlText(value: Printed): string {
  const lines = block(value, '');
  return lines.startsWith('\n') ? lines.slice(1) : `${lines.trimStart()}\n`;
}

/** What stands behind `key:` or `-`: on the same line, beginning with a blank, or on lines of its own. */
function block(value: Printed, indent: string): string {
  if (value instanceof Map && value.size > 0) return `\n${mapping(value, indent)}`;
  if (Array.isArray(value) && value.length > 0) return `\n${sequence(value, indent)}`;
  return ` ${scalar(value, indent)}\n`;
}

function mapping(value: ReadonlyMap<string, Printed>, indent: string): string {
  return [...value].map(([key, each]) => `${indent}${inLine(key)}:${block(each, `${indent}  `)}`).join('');
}

function sequence(value: readonly Printed[], indent: string): string {
  return value.map((each) => {
    const deeper = `${indent}  `;
    // The first line of what is inside stands behind the dash.
    const text = block(each, deeper);
    return text.startsWith('\n') ? `${indent}- ${text.slice(1 + deeper.length)}` : `${indent}-${text}`;
  }).join('');
}

function scalar(value: Printed, indent: string): string {
  if (typeof value === 'string') return value.includes('\n') && isBlockable(value) ? literal(value, indent) : inLine(value);
  if (value === null) return 'null';
  if (value instanceof Date) return dateText(value);
  if (value instanceof Map) return '{}';
  return Array.isArray(value) ? '[]' : String(value);
}

/** A scalar on one line: plain where that is the same text again, in single quotes where plain would be misread, in double ones for all else. */
function inLine(text: string): string {
  if (text.includes('\n')) return double(text);
  if (text === '' || (text !== '<<' && typeof plainScalar(text) !== 'string') || isOldBoolean(text) || isBase60(text)) return double(text);
  if (hasSpecial(text)) return double(text);
  return isPlain(text) ? text : `'${text.replaceAll("'", "''")}'`;
}

/** What YAML 1.1 took for a boolean. */
function isOldBoolean(text: string): boolean {
  return /^(y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/.test(text);
}

function isBase60(text: string): boolean {
  return /^[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?$/.test(text);
}

/** Tabs, control characters, what is no character, and what needs four bytes: go-yaml spells that out. */
function hasSpecial(text: string): boolean {
  return /[^\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/u.test(text) || /[\x85\u2028\u2029]/.test(text);
}

function isPlain(text: string): boolean {
  if (/^(---|\.\.\.)/.test(text) || /^[#,[\]{}&*!|>'"%@`]/.test(text)) return false;
  if (/^[?:-]([ \t]|$)/.test(text) || /^ | $/.test(text)) return false;
  return !/:([ \t]|$)/.test(text) && !/[ \t]#/.test(text);
}

/** Whether text of several lines can stand as it is below a `|`. */
function isBlockable(text: string): boolean {
  const withoutBreaks = text.replaceAll('\n', '');
  return !/ $/.test(text) && !/ \n/.test(text) && !hasSpecial(withoutBreaks.replaceAll('\t', ''));
}

function literal(text: string, indent: string): string {
  const lead = /^[ \n]/.test(text) ? '2' : '';
  const tail = !text.endsWith('\n') ? '-' : text === '\n' || text.endsWith('\n\n') ? '+' : '';
  const body = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n').map((line) => line === '' ? '' : `${indent === '' ? '  ' : indent}${line}`).join('\n');
  return `|${lead}${tail}\n${body}`;
}

const escapes: Readonly<Record<string, string>> = { '\0': '0', '\x07': 'a', '\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', '\x1b': 'e', '"': '"', '\\': '\\', '\x85': 'N', '\xa0': '_', '\u2028': 'L', '\u2029': 'P' };

function double(text: string): string {
  let inside = '';
  for (const char of text) {
    const escape = escapes[char];
    const code = char.codePointAt(0) ?? 0;
    if (escape !== undefined && char !== '\xa0') inside += `\\${escape}`;
    else if (!hasSpecial(char)) inside += char;
    else if (code <= 0xff) inside += `\\x${hex(code, 2)}`;
    else inside += code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
  }
  return `"${inside}"`;
}

function hex(code: number, length: number): string {
  return code.toString(16).toUpperCase().padStart(length, '0');
}
