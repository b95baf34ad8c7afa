import type { Readable, Writable } from 'node:stream';

/** What tells a command to end. */
export type Interrupt = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** What a command may touch of the process it runs in; main.ts gives the real one, tests their own. */
export interface Cli {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** Emits `resize` where it is a terminal. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly version: string;
  /** The command that runs this program again, to start an engine with. */
  readonly program: readonly string[];
  /** Where the engine of a root folder listens. */
  socketOf(root: string): string;
  /** Calls back at each SIGINT and SIGTERM, with `hangups` at each SIGHUP too, until the returned function is called; meanwhile they do not end the process. */
  onInterrupt(handler: (signal: Interrupt) => void, hangups?: boolean): () => void;
  /** Lets all bytes through the terminal as they are, in both directions, or with `shown` false only what is typed; `on` false: as it was before. */
  rawTerminal(on: boolean, shown?: boolean): void;
  /** Runs an engine in this process until it is stopped. */
  runEngine(root: string): Promise<void>;
}
