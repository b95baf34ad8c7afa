import type { Cli } from './cli.ts';
import { printable } from './printable.ts';

/** Does it for each name, whatever becomes of the others; each failure is a line. Answers the exit status. */
export async function forEachName(names: readonly string[], cli: Cli, work: (name: string) => Promise<void>): Promise<number> {
  let status = 0;
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      if (!(error instanceof Error && error.name === 'BayplanError')) throw error;
      cli.stderr.write(`bayplan: ${printable(error.message)}\n`);
      status = 1;
    }
  }
  return status;
}
