import { createInterface } from 'node:readline';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';

/** Asks on the terminal, or whatever stands for it. */
export async function askLine(question: string, cli: Cli): Promise<string> {
  cli.stdout.write(question);
  const reader = createInterface({ input: cli.stdin });
  try {
    for await (const line of reader) return line.trim();
    return '';
  } finally {
    reader.close();
  }
}

/** Asks without showing what is typed. Throws where it is broken off. */
export async function askSecret(question: string, cli: Cli): Promise<string> {
  cli.stdout.write(question);
  cli.rawTerminal(true);
  try {
    let typed = '';
    for await (const chunk of cli.stdin) {
      for (const letter of String(chunk)) {
        if (letter === '\r' || letter === '\n') return typed;
        if (letter === '\x03' || letter === '\x04') throw new BayplanError('broken-off', 'broken off');
        typed = letter === '\x7f' || letter === '\b' ? typed.slice(0, -1) : typed + letter;
      }
    }
    return typed;
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
