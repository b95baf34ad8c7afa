import { InvalidArgumentError, type Command } from 'commander';
import type { Filters } from '../client/filters-query.ts';

/** What an action of commander's gets last. */
export interface Invoked { optsWithGlobals<T>(): T }

/** `--filter NAME=VALUE`, which may be repeated. */
export function addFilter(command: Command, names: string): Command {
  return command.option('--filter <name=value>', `take only those that fit, may be repeated: ${names}`, (text: string, before: Filters = {}) => {
    const at = text.indexOf('=');
    // Docker writes `label!=KEY=VALUE` for those that have it not.
    const name = text.slice(0, at);
    if (at < 1) throw new InvalidArgumentError('Expected NAME=VALUE.');
    return { ...before, [name]: [...(before[name] ?? []), text.slice(at + 1)] };
  });
}
