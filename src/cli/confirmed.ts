import { createInterface } from 'node:readline';
import type { Cli } from './cli.ts';

/** Asks on the terminal, or whatever stands for it; anything but yes is no. */
export async function confirmed(question: string, cli: Cli): Promise<boolean> {
  cli.stdout.write(question);
  const reader = createInterface({ input: cli.stdin });
  try {
    for await (const line of reader) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    reader.close();
  }
}
