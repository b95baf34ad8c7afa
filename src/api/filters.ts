import { BayplanError } from '../state/bayplan-error.ts';

/** Filter name → wanted values; a thing passes when each filter has a value that fits (labels: all of them). */
export type Filters = ReadonlyMap<string, readonly string[]>;

/** Docker's `filters`: `{"label":{"a=b":true}}`, and the older `{"label":["a=b"]}`. Throws `bad-request`. */
export function parseFilters(text: string | null, known: readonly string[]): Filters {
  const filters = new Map<string, readonly string[]>();
  if (text === null || text === '') return filters;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BayplanError('bad-request', 'filters is not JSON: expected as {"label":{"a=b":true}}');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BayplanError('bad-request', 'filters: expected an object, as {"label":{"a=b":true}}');
  for (const [name, wanted] of Object.entries(value)) {
    if (!known.includes(name)) throw new BayplanError('bad-request', `invalid filter '${name}': expected one of ${known.join(', ')}`);
    const values = valuesOf(name, wanted);
    if (name === 'dangling' && !values.every((each) => /^(1|0|t|f|true|false)$/i.test(each))) throw new BayplanError('bad-request', `invalid filter 'dangling=[${values.join(' ')}]': expected true or false`);
    filters.set(name, values);
  }
  return filters;
}

function valuesOf(name: string, wanted: unknown): readonly string[] {
  if (Array.isArray(wanted)) return wanted.map(String);
  if (typeof wanted === 'object' && wanted !== null) return Object.entries(wanted).filter(([, on]) => on === true).map(([value]) => value);
  throw new BayplanError('bad-request', `filters: "${name}" must be an object or a list`);
}

/** True where the labels have every one that is asked for (`key` or `key=value`). */
export function labelsMatch(labels: Readonly<Record<string, string>>, wanted: readonly string[] | undefined): boolean {
  return (wanted ?? []).every((entry) => {
    const at = entry.indexOf('=');
    if (at < 0) return Object.hasOwn(labels, entry);
    const key = entry.slice(0, at);
    return Object.hasOwn(labels, key) && labels[key] === entry.slice(at + 1);
  });
}

/** The same, and none of those that `label!` names. */
export function labelsPass(labels: Readonly<Record<string, string>>, filters: Filters): boolean {
  return labelsMatch(labels, filters.get('label')) && !(filters.get('label!') ?? []).some((label) => labelsMatch(labels, [label]));
}

/** Docker's booleans among the values of a filter. */
export function isTrue(value: string): boolean {
  return value === 'true' || value === '1';
}

/** True where no such filter is given or one of its values fits. */
export function anyMatches(wanted: readonly string[] | undefined, fits: (value: string) => boolean): boolean {
  return wanted === undefined || wanted.length === 0 || wanted.some(fits);
}
