import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { BayplanError } from '../state/bayplan-error.ts';
import { DetachFilter } from '../state/detach-keys.ts';

/** A connection that asked to be switched over (`Upgrade: tcp`): from the answer on it carries a process's stdio. The end of input is the client's half-close. */
export function switchOver(socket: Duplex, tty: boolean): void {
  socket.write(`HTTP/1.1 101 UPGRADED\r\nContent-Type: ${streamType(tty)}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`);
}

/** docker-py loses what reaches it together with the head of the answer (its reader's buffer is not looked into), and Docker's engine is seldom quick enough for that. */
export async function headTaken({ headers }: IncomingMessage): Promise<void> {
  if (headers['user-agent']?.startsWith('docker-sdk-python') === true) await setTimeout(HEAD_MS);
}

const HEAD_MS = 20;

/** Frames (`multiplexed`), or with a terminal its bytes as they are. */
export function streamType(tty: boolean): string {
  return `application/vnd.docker.${tty ? 'raw' : 'multiplexed'}-stream`;
}

/** Aborted when the connection closes, or at once where it has: to be asked for before anything is awaited that it should not outlive. */
export function goneOf(socket: Duplex): AbortSignal {
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  if (socket.destroyed) gone.abort();
  return gone.signal;
}

/** What the client types. Its keys take it leave of what goes on (null: there is no terminal to type on): `left` is called, and the connection ends. Docker's own client looks for them itself, and others leave it to the engine. */
export function typedOn(socket: Duplex, keys: Buffer | null, left: () => void): Readable {
  if (keys === null) return socket;
  return socket.pipe(new DetachFilter(keys, () => {
    left();
    socket.end(() => socket.destroy());
  }));
}

/** Exactly `length` bytes from the front of the stream; what follows stays in it. `head` was read from it before. */
export async function takeBytes(stream: Readable, head: Buffer, length: number): Promise<Buffer> {
  if (length > 64 * 1024) throw new BayplanError('too-large', 'the body of the request is larger than 64 KiB');
  if (head.length > 0) stream.unshift(head);
  if (length === 0) return Buffer.alloc(0);
  for (;;) {
    const bytes: unknown = stream.read(length);
    if (Buffer.isBuffer(bytes)) return bytes;
    if (stream.readableEnded || stream.destroyed) throw new BayplanError('bad-request', 'the request ended before its body');
    await new Promise<void>((resolve) => {
      const go = (): void => {
        for (const event of ['readable', 'end', 'close'] as const) stream.removeListener(event, go);
        resolve();
      };
      for (const event of ['readable', 'end', 'close'] as const) stream.on(event, go);
    });
  }
}
