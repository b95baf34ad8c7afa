import { connect, Socket } from 'node:net';
import { constants } from 'node:os';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ConsoleSize } from './containers.ts';

/** What a shim says unasked. */
const Event = z.object({ event: z.string() });

const Answer = z.object({ version: z.number(), ok: z.boolean(), error: z.string().optional(), errno: z.number().optional() });

/**
 * The engine's side of a shim's control socket (native/README.md, "Control"). One connection a shim, held open: its end is how the
 * engine learns that the shim has gone.
 */
export class ShimClient {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  #buffer = '';
  #onEvent: ((event: string) => void) | null = null;
  /** Resolves when the shim has closed the connection. */
  readonly gone: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', () => undefined); // 'close' follows, and is what counts
    void this.gone.then(() => {
      for (const { reject } of this.#waiting.splice(0)) reject(new BayplanError('shim-gone', 'the container has ended'));
    });
  }

  /** Over the engine's end of a pair of sockets whose other end a shim is started with. */
  static of(fd: number): ShimClient {
    return new ShimClient(new Socket({ fd, readable: true, writable: true }));
  }

  /** Rejects with the error of connect(2) where no shim listens at `path`. */
  static open(path: string): Promise<ShimClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new ShimClient(socket));
      });
    });
  }

  /** The line by which a new shim says that its container has started, or why not; to be called before anything is asked. Rejects where the shim ends without. */
  firstLine(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Sends a signal to the container's first process, or with `all` to every process of it. */
  async signal(signal: number, all: boolean): Promise<void> {
    const line = await this.#ask({ version: 1, op: 'signal', signal, all });
    const answer = Answer.parse(JSON.parse(line));
    if (!answer.ok) throw new BayplanError('signal-failed', `signal ${signal} could not be sent: ${answer.error ?? `errno ${answer.errno ?? 0}`}`);
  }

  /** Of the container's terminal. */
  async resize(size: ConsoleSize): Promise<void> {
    const answer = Answer.parse(JSON.parse(await this.#ask({ version: 1, op: 'resize', ...size })));
    if (!answer.ok) throw new BayplanError('bad-request', `the terminal could not be resized: ${answer.error ?? `errno ${answer.errno ?? 0}`}`);
  }

  /** Serves the names that the bundle's file `dns` says from now on. A shim of before that could be asked goes on with what it was started with. */
  async renewNames(): Promise<void> {
    const answer = Answer.parse(JSON.parse(await this.#ask({ version: 1, op: 'dns' })));
    if (!answer.ok && answer.errno !== constants.errno.ENOSYS) throw new BayplanError('dns-failed', `names could not be served anew: ${answer.error ?? `errno ${answer.errno ?? 0}`}`);
  }

  /** Calls `listener` when the container has lost a process to its memory limit (`oom`). A shim of an older build says nothing. */
  async listen(listener: (event: string) => void): Promise<void> {
    this.#onEvent = listener;
    await this.#ask({ version: 1, op: 'events' });
  }

  /** Lets go of the connection; the shim and its container go on. */
  close(): void {
    this.#socket.destroy();
  }

  #ask(request: object): Promise<string> {
    if (this.#socket.destroyed) return Promise.reject(new BayplanError('shim-gone', 'the container has ended'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify(request)}\n`);
    });
  }

  #receive(text: string): void {
    this.#buffer += text;
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      const line = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 1);
      const event = line.includes('"event"') ? Event.safeParse(JSON.parse(line)) : null;
      if (event?.success === true) this.#onEvent?.(event.data.event);
      else this.#waiting.shift()?.resolve(line);
    }
  }
}
