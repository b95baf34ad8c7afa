import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { check } from './connection.ts';
import { DetachFilter, parseDetachKeys } from '../state/detach-keys.ts';
import { connectionError } from './errors.ts';
import { FrameReader } from './frame-reader.ts';

/** A process's stdio on this side. `stdin` null: it gets none. */
export interface StdioStreams { readonly stdin: Readable | null; readonly stdout: Writable; readonly stderr: Writable }

export interface StdioOptions {
  /** It has a terminal: its output is one stream, as it is. */
  readonly tty: boolean;
  /** What is typed to leave it running, as `ctrl-p,ctrl-q`; null: nothing. The engine is to be told too. */
  readonly detachKeys: string | null;
  /** Called once the engine has switched the connection over. */
  readonly opened?: () => void;
}

/** Switches a request's connection over to a process's stdio; resolves when its output has ended, or the user has left it. The end of stdin goes as a half-close. */
export async function runStdio(socketPath: string, path: string, body: string, streams: StdioStreams, options: StdioOptions): Promise<'ended' | 'detached'> {
  const { connection, head } = await upgrade(socketPath, path, body);
  options.opened?.();
  const detached = sendInput(streams.stdin, connection, options.detachKeys);
  const show = options.tty ? (chunk: Buffer) => void streams.stdout.write(chunk) : framed(streams);
  const receive = (chunk: Buffer): void => {
    show(chunk);
    for (const stream of [streams.stdout, streams.stderr]) {
      if (!stream.writableNeedDrain) continue;
      connection.pause();
      stream.once('drain', () => connection.resume());
    }
  };
  const ended = new Promise<'ended'>((resolve, reject) => {
    connection.once('error', reject);
    connection.once('end', () => resolve('ended'));
    connection.once('close', () => resolve('ended'));
    connection.on('data', receive);
    if (head.length > 0) receive(head);
  });
  return await Promise.race([ended, detached.then(() => 'detached' as const)]).finally(() => {
    streams.stdin?.unpipe();
    connection.destroy();
  });
}

async function upgrade(socketPath: string, path: string, body: string): Promise<{ connection: Socket; head: Buffer }> {
  return await new Promise((resolve, reject) => {
    const sent = request({
      socketPath, method: 'POST', path, agent: false,
      headers: { 'Host': 'bayplan', 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), 'Connection': 'Upgrade', 'Upgrade': 'tcp' },
    });
    sent.once('error', (error) => reject(connectionError(socketPath, error)));
    sent.once('response', (response) => {
      check(response).then(() => reject(new Error('the engine did not switch the connection over')), reject);
    });
    sent.once('upgrade', (_response, connection, head) => resolve({ connection, head }));
    sent.end(body);
  });
}

/** Resolves when the keys that detach were typed; never, where there are none. */
function sendInput(stdin: Readable | null, connection: Socket, keys: string | null): Promise<void> {
  return new Promise((resolve) => {
    if (stdin === null) connection.end();
    else if (keys === null) stdin.pipe(connection);
    else stdin.pipe(new DetachFilter(parseDetachKeys(keys), resolve)).pipe(connection);
  });
}

function framed({ stdout, stderr }: StdioStreams): (chunk: Buffer) => void {
  const reader = new FrameReader();
  return (chunk) => {
    for (const { stream, data } of reader.push(chunk)) (stream === 2 ? stderr : stdout).write(data);
  };
}
