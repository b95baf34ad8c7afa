import type { Cli } from './cli.ts';
import { runProgram } from './program.ts';
import { addPs } from './ps.ts';

/** The chunk with `ps` alone, which is asked often and must answer quickly. */
export async function run(argv: readonly string[], cli: Cli): Promise<number> {
  return await runProgram([addPs], argv, cli);
}
