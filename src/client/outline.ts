import { BayplanError } from '../state/bayplan-error.ts';

/**
 * Reads a value of an engine's answer, or throws BayplanError `strange-answer`; `at` is where it stands. What a command looks at is checked; what else there is stays as it came, since an engine of another version
 * may say more. Not zod's schemas: to load those takes longer than most commands do.
 */
export type Outline<T> = (value: unknown, at: string) => T;

function strange(at: string, expected: string): never {
  throw new BayplanError('strange-answer', `the engine's answer is not one that this command line knows (${at === '' ? 'it' : at}: expected ${expected}): where their versions differ ("bayplan version"), restart the engine by "bayplan engine stop" and run the command again`);
}

export const text: Outline<string> = (value, at) => (typeof value === 'string' ? value : strange(at, 'a string'));
export const number: Outline<number> = (value, at) => (typeof value === 'number' ? value : strange(at, 'a number'));
export const flag: Outline<boolean> = (value, at) => (typeof value === 'boolean' ? value : strange(at, 'true or false'));
/** Whatever it holds. */
export const anything: Outline<object> = (value, at) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? value : strange(at, 'an object'));

export function oneOf<const T extends string | number>(...all: readonly T[]): Outline<T> {
  return (value, at) => all.find((each) => each === value) ?? strange(at, all.map((each) => JSON.stringify(each)).join(' or '));
}

export function list<T>(of: Outline<T>): Outline<readonly T[]> {
  return (value, at) => (Array.isArray(value) ? value.map((each: unknown, index) => of(each, `${at}[${index}]`)) : strange(at, 'a list'));
}

/** A list may be null where it is empty, as Go's are. */
export function listOrNull<T>(of: Outline<T>): Outline<readonly T[] | null> {
  return nullable(list(of));
}

/** An object whose keys are names. */
export function table<T>(of: Outline<T>): Outline<Readonly<Record<string, T>>> {
  return (value, at) => Object.fromEntries(Object.entries(anything(value, at)).map(([key, each]) => [key, of(each, `${at}.${key}`)]));
}

export function nullable<T>(of: Outline<T>): Outline<T | null> {
  return (value, at) => (value === null ? null : of(value, at));
}

export function optional<T>(of: Outline<T>): Outline<T | undefined> {
  return (value, at) => (value === undefined ? undefined : of(value, at));
}

/** An object of which these fields are looked at. */
export function fields<T extends object>(shape: { readonly [K in keyof T]?: Outline<T[K]> }): Outline<T> {
  const all: readonly (readonly [string, unknown])[] = Object.entries(shape);
  return (value, at) => {
    const found = Object.entries(anything(value, at));
    const known = new Map(found);
    const read = all.flatMap(([key, of]) => {
      const outcome: unknown = typeof of === 'function' ? of(known.get(key), at === '' ? key : `${at}.${key}`) : undefined;
      return outcome === undefined ? [] : [[key, outcome]];
    });
    return Object.assign(Object.fromEntries(found), Object.fromEntries(read)) as T; // just checked, as far as it is looked at
  };
}

/** Of a T no more is looked at than `of` reads; that the rest is so too is taken on trust. */
export function taken<T>(of: Outline<unknown>): Outline<T> {
  return (value, at) => of(value, at) as T;
}
