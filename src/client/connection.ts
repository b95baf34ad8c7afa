import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { answerError, connectionError } from './errors.ts';
import { textOf } from './quick-request.ts';

/** Sends one request; the answer's body is not read yet. */
export async function open(socket: string, method: string, path: string, body: string | Readable | null, signal?: AbortSignal, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
  return await new Promise<IncomingMessage>((resolve, reject) => {
    // Without a name for TLS Node would look for one, and compile what tells addresses from names: 6 ms for nothing.
    const options: RequestOptions & { servername: string } = { socketPath: socket, method, path, agent: false, servername: '', headers: { Host: 'bayplan', ...headers } };
    const sent = request(signal === undefined ? options : { ...options, signal }, resolve);
    sent.once('error', (error) => reject(connectionError(socket, error)));
    if (body === null) sent.end();
    else if (typeof body === 'string') {
      sent.setHeader('Content-Type', 'application/json');
      sent.setHeader('Content-Length', Buffer.byteLength(body));
      sent.end(body);
    } else {
      body.once('error', (error) => sent.destroy(error));
      body.pipe(sent);
    }
  });
}

/** Throws the error that an answer carries; does nothing for a good one. */
export async function check(response: IncomingMessage): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 400) return;
  throw answerError(status, await textOf(response));
}
