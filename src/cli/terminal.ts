import { constants } from 'node:os';
import { BayplanError } from '../state/bayplan-error.ts';
import type { ConsoleSize } from '../client/engine-client.ts';
import type { Cli, Interrupt } from './cli.ts';

/** Whether a process gets a terminal: as `-t` and `-T` say, else where what is typed and what is shown both are one. Throws `no-terminal`. */
export function wantsTerminal(asked: boolean | undefined, cli: Cli): boolean {
  if (asked === true && cli.stdin.isTTY !== true) throw new BayplanError('no-terminal', 'the standard input is no terminal: leave out -t');
  return asked ?? (cli.stdin.isTTY === true && cli.stdout.isTTY === true);
}

/** Null where it is not known. */
export function terminalSize({ stdout: { columns, rows } }: Cli): ConsoleSize | null {
  return columns === undefined || rows === undefined || columns === 0 || rows === 0 ? null : { width: columns, height: rows };
}

/**
 * Lends the user's terminal to a process in a container while `work` runs: every key goes there as it is typed, and each change of its size. However `work`
 * ends, the terminal is as it was. Answers what `work` does, or the exit status of a command that was told to end; where `pass` is given, that takes the signals instead.
 */
export async function lendTerminal<T>(cli: Cli, resize: (size: ConsoleSize) => Promise<void>, work: () => Promise<T>, pass: ((signal: Interrupt) => void) | null = null): Promise<T | number> {
  const changed = (): void => {
    const size = terminalSize(cli);
    if (size !== null) resize(size).catch(() => undefined); // the process may have ended meanwhile
  };
  let restore: () => void = () => undefined;
  const told = new Promise<number>((resolve) => {
    restore = cli.onInterrupt(pass ?? ((signal) => resolve(128 + constants.signals[signal])), true); // Ctrl-C is typed, and goes to the process
  });
  cli.rawTerminal(true);
  cli.stdout.on('resize', changed);
  try {
    return await Promise.race([work(), told]);
  } finally {
    cli.stdout.off('resize', changed);
    cli.rawTerminal(false);
    restore();
  }
}
