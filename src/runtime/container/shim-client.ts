import { constants } from 'node:os';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { LineConnection } from '../line-connection.ts';
import type { ConsoleSize } from './containers.ts';

/** What a shim says unasked. */
const Event = z.object({ event: z.string() });

const Answer = z.object({ version: z.number(), ok: z.boolean(), error: z.string().optional(), errno: z.number().optional() });

/** The engine's side of a shim's control socket (native/README.md, "Control"), one a shim. */
export class ShimClient {
  readonly #connection: LineConnection;

  private constructor(connection: LineConnection) {
    this.#connection = connection;
  }

  /** Over the engine's end of a pair of sockets whose other end a shim is started with. */
  static of(fd: number): ShimClient {
    return new ShimClient(LineConnection.of(fd, hasEnded));
  }

  /** Rejects with the error of connect(2) where no shim listens at `path`. */
  static async open(path: string): Promise<ShimClient> {
    return new ShimClient(await LineConnection.open(path, hasEnded));
  }

  /** Resolves when the shim has closed the connection. */
  get gone(): Promise<void> {
    return this.#connection.gone;
  }

  /** The line by which a new shim says that its container has started, or why not; to be called before anything is asked. Rejects where the shim ends without. */
  firstLine(): Promise<string> {
    return this.#connection.firstLine();
  }

  /** Sends a signal to the container's first process, or with `all` to every process of it. */
  async signal(signal: number, all: boolean): Promise<void> {
    const line = await this.#connection.ask({ version: 1, op: 'signal', signal, all });
    const answer = Answer.parse(JSON.parse(line));
    if (!answer.ok) throw new BayplanError('signal-failed', `signal ${signal} could not be sent: ${answer.error ?? `errno ${answer.errno ?? 0}`}`);
  }

  /** Of the container's terminal. */
  async resize(size: ConsoleSize): Promise<void> {
    const answer = Answer.parse(JSON.parse(await this.#connection.ask({ version: 1, op: 'resize', ...size })));
    if (!answer.ok) throw new BayplanError('bad-request', `the terminal could not be resized: ${answer.error ?? `errno ${answer.errno ?? 0}`}`);
  }

  /** Serves the names that the bundle's file `dns` says from now on. A shim of before that could be asked goes on with what it was started with. */
  async renewNames(): Promise<void> {
    const answer = Answer.parse(JSON.parse(await this.#connection.ask({ version: 1, op: 'dns' })));
    if (!answer.ok && answer.errno !== constants.errno.ENOSYS) throw new BayplanError('dns-failed', `names could not be served anew: ${answer.error ?? `errno ${answer.errno ?? 0}`}`);
  }

  /** Calls `listener` when the container has lost a process to its memory limit (`oom`). A shim of an older build says nothing. */
  async listen(listener: (event: string) => void): Promise<void> {
    this.#connection.listen((line) => {
      const event = line.includes('"event"') ? Event.safeParse(JSON.parse(line)) : null;
      if (event?.success === true) listener(event.data.event);
      return event?.success === true;
    });
    await this.#connection.ask({ version: 1, op: 'events' });
  }

  /** Lets go of the connection; the shim and its container go on. */
  close(): void {
    this.#connection.close();
  }
}

function hasEnded(): BayplanError {
  return new BayplanError('shim-gone', 'the container has ended');
}
