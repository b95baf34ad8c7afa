import { connect, Socket } from 'node:net';

/** A connection to a program of the core that answers each line with a line, in order, and may say others unasked. Held open: its end is how the engine learns that the program has gone. */
export class LineConnection {
  readonly #socket: Socket;
  readonly #ended: () => Error;
  readonly #waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  #buffer = '';
  #unasked: (line: string) => boolean = () => false;
  /** Resolves when the other side has closed the connection, or this one has. */
  readonly gone: Promise<void>;

  private constructor(socket: Socket, ended: () => Error) {
    this.#socket = socket;
    this.#ended = ended;
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', () => undefined); // 'close' follows, and is what counts
    void this.gone.then(() => {
      for (const { reject } of this.#waiting.splice(0)) reject(ended());
    });
  }

  /** Over the engine's end of a pair of sockets whose other end a program is started with. `ended`: what waiting for an answer rejects with once it has gone. */
  static of(fd: number, ended: () => Error): LineConnection {
    return new LineConnection(new Socket({ fd, readable: true, writable: true }), ended);
  }

  /** Rejects with the error of connect(2) where nobody listens at `path`. */
  static open(path: string, ended: () => Error): Promise<LineConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(path);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new LineConnection(socket, ended));
      });
    });
  }

  /** The line that a new program says before it is asked anything. */
  firstLine(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  ask(request: object): Promise<string> {
    if (this.#socket.destroyed) return Promise.reject(this.#ended());
    const answer = this.firstLine();
    this.#socket.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  /** `take` says of each line whether it is one said unasked. */
  listen(take: (line: string) => boolean): void {
    this.#unasked = take;
  }

  /** Lets go of the connection; the program goes on. */
  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#buffer += text;
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      const line = this.#buffer.slice(0, end);
      this.#buffer = this.#buffer.slice(end + 1);
      if (!this.#unasked(line)) this.#waiting.shift()?.resolve(line);
    }
  }
}
