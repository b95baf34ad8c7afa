import type { Cli } from './cli.ts';

/** Variables as `-e` takes them: `KEY=VALUE`, or `KEY` alone for the user's own value. */
export function namedVariables(entries: readonly string[], cli: Cli): Readonly<Record<string, string>> {
  return Object.fromEntries(entries.map((entry) => {
    const at = entry.indexOf('=');
    return at < 0 ? [entry, cli.env[entry] ?? ''] : [entry.slice(0, at), entry.slice(at + 1)];
  }));
}
