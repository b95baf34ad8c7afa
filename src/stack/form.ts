import { floatText } from './number-text.ts';

/** What `config` prints, in order. Maps and not objects: those would put names that are numbers first. */
export type Printed = string | number | bigint | boolean | null | Date | PrintedFloat | readonly Printed[] | ReadonlyMap<string, Printed>;

/** A number that is a float whatever its value is: YAML's text for it is another one than for an integer. */
export class PrintedFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  toString(): string {
    return floatText(this.value);
  }
}

export type Syntax = 'json' | 'yaml';

/** How a value of the model is printed; undefined: it is left out. */
export type Form = (value: unknown, syntax: Syntax) => Printed | undefined;

/** Left out where it says nothing: '', 0, false, an empty list. */
export const plain: Form = (value) => isEmpty(value) ? undefined : printed(value);

/** Printed also where it is false or 0. */
export const kept: Form = (value) => value === undefined || value === null ? undefined : printed(value);

export const float: Form = (value) => typeof value === 'number' && value !== 0 ? new PrintedFloat(value) : undefined;

/** A command: an empty list clears the image's. JSON says null for none. */
export const command: Form = (value, syntax) => value === undefined || value === null ? (syntax === 'json' ? null : undefined) : printed(value);

/** A list; left out where it is empty. */
export function list(form: Form): Form {
  return (value, syntax) => {
    const items = Array.isArray(value) ? value.map((each) => form(each, syntax) ?? null) : [];
    return items.length === 0 ? undefined : items;
  };
}

/** A mapping by names of the file's own, sorted; left out where it is empty. What a form leaves out is printed as it would be empty. */
export function named(form: Form): Form {
  return (value, syntax) => {
    const entries = Object.entries(typeof value === 'object' && value !== null ? value : {}).map(([name, each]): [string, Printed] => [name, form(each, syntax) ?? null]);
    return entries.length === 0 ? undefined : new Map(entries.sort(([a], [b]) => syntax === 'json' ? compareText(a, b) : compareKeys(a, b)));
  };
}

/** Names to text. */
export const texts = named((value) => printed(value));

/** A mapping with keys of the specification, in this order. YAML has the extensions after them. Undefined only for what is none. */
export function fields(forms: Readonly<Record<string, Form>>): Form {
  const ordered = Object.entries(forms);
  return (value, syntax) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const said = new Map<string, unknown>(Object.entries(value));
    const result = new Map<string, Printed>();
    for (const [key, form] of ordered) {
      const each = form(said.get(key), syntax);
      if (each !== undefined) result.set(key, each);
    }
    if (syntax === 'json') return result;
    const extensions = [...said].filter(([key, each]) => key.startsWith('x-') && each !== undefined).sort(([a], [b]) => compareKeys(a, b));
    for (const [key, each] of extensions) result.set(key, printed(each, syntax));
    return result;
  };
}

/** The same, which JSON prints where it is not there too, and YAML only where it says something. */
export function always(form: Form): Form {
  return (value, syntax) => {
    const result = form(value ?? {}, syntax);
    return syntax === 'yaml' && result instanceof Map && result.size === 0 ? undefined : result;
  };
}

/** In JSON by one form, in YAML by another. */
export function either(json: Form, yaml: Form): Form {
  return (value, syntax) => syntax === 'json' ? json(value, syntax) : yaml(value, syntax);
}

/** Data as it is: the keys of mappings sorted. */
export function printed(value: unknown, syntax: Syntax = 'json'): Printed {
  if (Array.isArray(value)) return value.map((each) => printed(each, syntax));
  if (value instanceof Date || value instanceof PrintedFloat) return value;
  if (typeof value === 'object' && value !== null) return new Map(Object.entries(value).filter(([, each]) => each !== undefined).map(([key, each]): [string, Printed] => [key, printed(each, syntax)]).sort(([a], [b]) => syntax === 'json' ? compareText(a, b) : compareKeys(a, b)));
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  return null;
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The order in which docker compose's YAML has the keys of a mapping: numbers in them by value, letters after all else. */
export function compareKeys(a: string, b: string): number {
  const [one, other] = [[...a], [...b]];
  let digits = false;
  for (let at = 0; at < one.length && at < other.length; at++) {
    const [left = '', right = ''] = [one[at], other[at]];
    if (left === right) {
      digits = isDigit(left);
      continue;
    }
    const [leftLetter, rightLetter] = [isLetter(left), isLetter(right)];
    if (leftLetter && rightLetter) return compareText(left, right);
    if (leftLetter || rightLetter) return digits ? (leftLetter ? -1 : 1) : (rightLetter ? -1 : 1);
    const before = leadingNumber(one, other, at);
    if (before !== 0) return before;
    return compareText(left, right);
  }
  return one.length - other.length;
}

/** Which of two differing numbers is less; zeros at the start of one count only within a longer number. */
function leadingNumber(one: readonly string[], other: readonly string[], at: number): number {
  let start = 0;
  if (one[at] === '0' || other[at] === '0') {
    for (let back = at - 1; back >= 0 && isDigit(one[back] ?? ''); back--) if (one[back] !== '0') start = 1;
  }
  const numberAt = (chars: readonly string[]): { value: number; length: number } => {
    let value = start;
    let end = at;
    for (; end < chars.length && isDigit(chars[end] ?? ''); end++) value = value * 10 + Number(chars[end]);
    return { value, length: end };
  };
  const [left, right] = [numberAt(one), numberAt(other)];
  return left.value - right.value || left.length - right.length;
}

const isDigit = (char: string): boolean => /^\p{Nd}$/u.test(char);
const isLetter = (char: string): boolean => /^\p{L}$/u.test(char);
