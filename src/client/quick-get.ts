import { connect } from 'node:net';
import { answerError, connectionError } from './errors.ts';

/** `GET` by HTTP/1.0 over a plain socket: loading Node's http takes longer than the question does. Answers the body. */
export async function quickGet(socket: string, path: string): Promise<string> {
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = [];
    const connection = connect(socket);
    connection.once('error', (error) => reject(connectionError(socket, error)));
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    connection.once('end', () => resolve(Buffer.concat(chunks)));
    connection.write(`GET ${path} HTTP/1.0\r\nHost: bayplan\r\n\r\n`);
  });
  const at = bytes.indexOf('\r\n\r\n');
  const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(bytes.subarray(0, 16).toString('latin1'))?.[1] ?? 0);
  const body = at < 0 ? '' : bytes.subarray(at + 4).toString();
  if (status !== 200) throw answerError(status, body);
  return body;
}
