import { InvalidArgumentError } from 'commander';

/** How a pass is shown. `auto`: live on a terminal, else a plain line a step. */
export type ProgressMode = 'auto' | 'tty' | 'plain' | 'json' | 'quiet';
const MODES: readonly string[] = ['auto', 'tty', 'plain', 'json', 'quiet'] satisfies readonly ProgressMode[];

/** Option `--progress`. */
export function progressMode(value: string): ProgressMode {
  if (!MODES.includes(value)) throw new InvalidArgumentError(`Expected one of ${MODES.join(', ')}.`);
  return value as ProgressMode; // just checked
}
