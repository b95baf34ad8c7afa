import type { IdRange } from '../runtime/container/id-ranges.ts';

/** The ranges that a file of subuid(5) or subgid(5) gives to one of these names; a name may be a number. */
export function subordinateIds(text: string, names: readonly string[]): readonly IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [, name = '', start = '', count = ''] = /^([^:#]+):(\d+):(\d+)\s*$/.exec(line.trim()) ?? [];
    return names.includes(name) && Number(count) > 0 ? [{ start: Number(start), count: Number(count) }] : [];
  });
}

/** The names that an account of passwd(5) or group(5) goes by, its number included. */
export function accountNames(text: string, account: string): readonly string[] {
  const found = text.split('\n').map((line) => line.split(':')).find(([name, , id]) => name === account || id === account);
  return [...new Set([account, found?.[0] ?? account, found?.[2] ?? account])];
}
