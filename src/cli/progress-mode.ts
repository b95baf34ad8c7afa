import { InvalidArgumentError } from 'commander';

/** How a pass is shown. `auto`: live on a terminal, else a plain line a step. */
export type ProgressMode = 'auto' | 'tty' | 'plain' | 'json' | 'quiet';
export const PROGRESS_MODES: readonly ProgressMode[] = ['auto', 'tty', 'plain', 'json', 'quiet'];

export function isProgressMode(text: string): text is ProgressMode {
  return (PROGRESS_MODES as readonly string[]).includes(text);
}

/** Option `--progress`. */
export function progressMode(value: string): ProgressMode {
  if (!isProgressMode(value)) throw new InvalidArgumentError(`Expected one of ${PROGRESS_MODES.join(', ')}.`);
  return value;
}
