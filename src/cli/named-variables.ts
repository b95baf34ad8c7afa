import type { Cli } from './cli.ts';

/** Variables as `-e` takes them: `KEY=VALUE`, or `KEY` alone for the user's own value; without one it is none. */
export function namedVariables(entries: readonly string[], cli: Cli): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.flatMap((entry) => {
    const at = entry.indexOf('=');
    const own = cli.env[entry];
    if (at < 0) return own === undefined ? [] : [[entry, own]];
    return [[entry.slice(0, at), entry.slice(at + 1)]];
  }));
}
