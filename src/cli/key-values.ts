import { InvalidArgumentError } from 'commander';

export type KeyValues = Readonly<Record<string, string>>;

/** For options KEY=VALUE that may be repeated. */
export function keyValue(text: string, before: KeyValues = {}): KeyValues {
  if (text.indexOf('=') < 1) throw new InvalidArgumentError('Expected KEY=VALUE.');
  return label(text, before);
}

/** The same; a label may do without a value. */
export function label(text: string, before: KeyValues = {}): KeyValues {
  const [key = '', ...value] = text.split('=');
  return { ...before, [key]: value.join('=') };
}
