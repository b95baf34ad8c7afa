/** A value of a field as people read it: whole mounts, grants and attachments in words, all else as JSON. */
export function valueText(field: string, value: unknown): string {
  if (value === undefined) return 'absent';
  const [, kind = ''] = /^(mounts|contents|networks)\[[^\]]*\]$/.exec(field) ?? [];
  return inLine((kind !== '' && isObject(value) ? WORDS[kind]?.(value) : undefined) ?? JSON.stringify(value));
}

type Data = Readonly<Record<string, unknown>>;

const WORDS: Readonly<Record<string, (value: Data) => string>> = {
  mounts: ({ type, source, readOnly, subpath }) => `${type === 'volume' && source === null ? 'anonymous volume' : [type, source].filter((word) => typeof word === 'string').join(' ')}${typeof subpath === 'string' && subpath !== '' ? `/${subpath}` : ''}${readOnly === true ? ', read-only' : ''}`,
  contents: ({ name }) => String(name),
  networks: ({ aliases }) => `connected${Array.isArray(aliases) && aliases.length > 0 ? ` as ${aliases.join(', ')}` : ''}`,
};

/** Names and values are the user's: none of their characters may end a plan's line or steer the terminal that shows it. */
export function inLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => character === '\n' ? '\\n' : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

export function isObject(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
