import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { check } from './connection.ts';
import { connectionError } from './errors.ts';
import { FrameReader } from './frame-reader.ts';

export interface ExecStreams { readonly stdin: Readable | null; readonly stdout: Writable; readonly stderr: Writable }

/** Starts an exec session by hijacking the connection; resolves when its output has ended. The end of stdin goes as a half-close. */
export async function runExec(socketPath: string, id: string, streams: ExecStreams): Promise<void> {
  const { connection, head } = await new Promise<{ connection: Socket; head: Buffer }>((resolve, reject) => {
    const body = '{"Detach":false,"Tty":false}';
    const sent = request({
      socketPath, method: 'POST', path: `/exec/${id}/start`, agent: false,
      headers: { 'Host': 'bayplan', 'Content-Type': 'application/json', 'Content-Length': body.length, 'Connection': 'Upgrade', 'Upgrade': 'tcp' },
    });
    sent.once('error', (error) => reject(connectionError(socketPath, error)));
    sent.once('response', (response) => {
      check(response).then(() => reject(new Error('the engine did not switch the connection over')), reject);
    });
    sent.once('upgrade', (_response, connection, head) => resolve({ connection, head }));
    sent.end(body);
  });
  if (streams.stdin === null) connection.end();
  else streams.stdin.pipe(connection);
  const reader = new FrameReader();
  const show = (chunk: Buffer): void => {
    for (const { stream, data } of reader.push(chunk)) (stream === 2 ? streams.stderr : streams.stdout).write(data);
    for (const stream of [streams.stdout, streams.stderr]) {
      if (!stream.writableNeedDrain) continue;
      connection.pause();
      stream.once('drain', () => connection.resume());
    }
  };
  await new Promise<void>((resolve, reject) => {
    connection.once('error', reject);
    connection.once('end', resolve);
    connection.once('close', resolve);
    connection.on('data', show);
    if (head.length > 0) show(head);
  }).finally(() => {
    streams.stdin?.unpipe(connection);
    connection.destroy();
  });
}
