import type { EngineClient } from '../client/engine-client.ts';
import type { Cli, Interrupt } from './cli.ts';
import { lendTerminal, terminalSize } from './terminal.ts';

export interface AttachedOptions {
  /** Whether the container has a terminal. */
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys: string;
  /** What is to be done once the connection stands; null: nothing, it runs. */
  readonly start: (() => Promise<void>) | null;
}

/** Takes part in a container's stdio until it ends; answers its exit code, or 0 where the user has left it running. */
export async function attached(client: EngineClient, id: string, options: AttachedOptions, cli: Cli): Promise<number> {
  const ended = client.waitContainer(id, options.start === null ? 'not-running' : 'next-exit');
  ended.catch(() => undefined); // told below
  let started: Promise<void> = Promise.resolve();
  const opened = (): void => {
    started = options.start?.() ?? Promise.resolve();
    started.catch(() => undefined); // likewise
  };
  const streams = { stdin: options.stdin ? cli.stdin : null, stdout: cli.stdout, stderr: cli.stderr };
  const detachKeys = options.tty ? options.detachKeys : null;
  const follow = (): Promise<'ended' | 'detached'> => client.attachContainer(id, streams, { tty: options.tty, detachKeys, opened });
  const size = terminalSize(cli);
  if (options.tty && size !== null) await client.resizeContainer(id, size);
  const pass = passTo(client, id);
  const left = options.tty && cli.stdin.isTTY === true
    ? await lendTerminal(cli, (changed) => client.resizeContainer(id, changed), follow, options.start === null ? null : pass)
    : await passing(pass, cli, follow);
  if (typeof left === 'number') return left;
  await started;
  if (left === 'ended') return await ended;
  cli.stderr.write('left running\n');
  return 0;
}

/** What tells this command to end is the container's; the second one kills it. */
function passTo(client: EngineClient, id: string): (signal: Interrupt) => void {
  let interrupts = 0;
  return (signal) => {
    interrupts++;
    client.killContainer(id, interrupts === 1 ? signal : 'SIGKILL').catch(() => undefined); // it may have ended meanwhile
  };
}

async function passing<T>(pass: (signal: Interrupt) => void, cli: Cli, work: () => Promise<T>): Promise<T> {
  const release = cli.onInterrupt(pass, true);
  try {
    return await work();
  } finally {
    release();
  }
}
