import type { Cli } from './cli.ts';

/** Whether names of containers are in colour: on a terminal, unless NO_COLOR is set, `--no-color` is given or `--ansi` (or COMPOSE_ANSI) says otherwise. */
export function inColour({ color, ansi }: { readonly color: boolean; readonly ansi?: string }, cli: Cli): boolean {
  return color && ((ansi ?? cli.env['COMPOSE_ANSI']) === 'always' || (cli.stdout.isTTY === true && !cli.env['NO_COLOR']));
}
