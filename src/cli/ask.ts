import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';

/** Asks on the terminal, or whatever stands for it. */
export async function askLine(question: string, cli: Cli): Promise<string> {
  cli.stdout.write(question);
  return (await typedLine(cli)).trim();
}

/** Asks without showing what is typed. */
export async function askSecret(question: string, cli: Cli): Promise<string> {
  cli.stdout.write(question);
  cli.rawTerminal(true);
  try {
    return await typedLine(cli);
  } finally {
    cli.rawTerminal(false);
    cli.stdout.write('\n');
  }
}

/** All of standard input. */
export async function readAll(cli: Cli): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of cli.stdin) chunks.push(Buffer.from(chunk as string | Buffer));
  return Buffer.concat(chunks).toString();
}

/** What is typed up to Enter; the rest is left to the next who asks. Rejects where it is broken off: a raw terminal hands Ctrl-C and Ctrl-D over as letters. */
async function typedLine({ stdin }: Cli): Promise<string> {
  return await new Promise((resolve, reject) => {
    let typed = '';
    const finish = (end: () => void): void => {
      stdin.off('data', take).off('end', ended).off('error', reject).pause();
      end();
    };
    const ended = (): void => finish(() => resolve(typed));
    const take = (chunk: string | Buffer): void => {
      const letters = String(chunk);
      for (const [at, letter] of [...letters].entries()) {
        if (letter === '\x03' || letter === '\x04') return finish(() => reject(new BayplanError('broken-off', 'broken off')));
        if (letter === '\r' || letter === '\n') {
          const rest = [...letters].slice(at + 1).join('');
          return finish(() => {
            if (rest !== '') stdin.unshift(rest);
            resolve(typed);
          });
        }
        typed = letter === '\x7f' || letter === '\b' ? typed.slice(0, -1) : typed + letter;
      }
    };
    stdin.on('data', take).once('end', ended).once('error', reject).resume();
  });
}
