import { askLine } from './ask.ts';
import type { Cli } from './cli.ts';

/** Asks on the terminal, or whatever stands for it; anything but yes is no. */
export async function confirmed(question: string, cli: Cli): Promise<boolean> {
  return /^y(es)?$/i.test(await askLine(question, cli));
}
