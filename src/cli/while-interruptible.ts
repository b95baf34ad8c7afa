import type { Cli } from './cli.ts';

const INTERRUPTED = 130;

/**
 * Runs a command elsewhere, to which interrupts of this program are passed on: the first one as it is, the second one to end it. A third one leaves it,
 * in case nobody answers. Resolves with the command's exit code.
 */
export async function whileInterruptible(cli: Cli, run: () => Promise<number>, interrupt: (kill: boolean) => Promise<void>): Promise<number> {
  let interrupts = 0;
  let leave: (code: number) => void = () => undefined;
  const left = new Promise<number>((resolve) => { leave = resolve; });
  const release = cli.onInterrupt(() => {
    interrupts++;
    if (interrupts > 2) leave(INTERRUPTED);
    else interrupt(interrupts === 2).catch(() => undefined); // an engine that has gone cut the command's stream too, which is told
  });
  try {
    return await Promise.race([run(), left]);
  } finally {
    release();
  }
}
