import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { answerError, connectionError, cutError } from './errors.ts';
import type { Outline } from './outline.ts';

/**
 * One request by HTTP/1.0 over a plain socket: loading Node's http takes longer than most questions do. Rejects with the error that the answer carries. The answer ends
 * with the connection, so its reader must know by itself whether it is whole: events by the last one, JSON by its end.
 */
export async function quickRequest(socket: string, method: string, path: string, body: string | null = null, headers: Readonly<Record<string, string>> = {}): Promise<Readable> {
  const bytes = Buffer.from(body ?? '');
  const all = { Host: 'bayplan', ...headers, ...(body === null ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) }) };
  const { status, answer } = await new Promise<{ readonly status: number; readonly answer: Readable }>((resolve, reject) => {
    const connection = connect(socket);
    const failed = (error: unknown): void => reject(connectionError(socket, error));
    let head = Buffer.alloc(0);
    const take = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      connection.pause().off('data', take).off('error', failed).off('end', ended);
      connection.unshift(head.subarray(end + 4));
      resolve({ status: Number(/^HTTP\/1\.\d (\d{3})/.exec(head.subarray(0, 16).toString('latin1'))?.[1] ?? 0), answer: connection });
    };
    const ended = (): void => failed(Object.assign(new Error('the engine ended'), { code: 'ECONNRESET' }));
    connection.on('data', take).once('error', failed).once('end', ended);
    connection.write(`${method} ${path} HTTP/1.0\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
    if (body !== null) connection.write(bytes);
  });
  if (status < 200 || status >= 400) throw answerError(status, await textOf(answer));
  return answer;
}

/** A whole body. */
export async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk as Buffer);
  } catch (error) {
    throw cutError(error);
  }
  return Buffer.concat(chunks).toString();
}

/** A body of one JSON object, array or null, read by `of`: what was cut is none. */
export async function jsonOf<T>(body: Readable, of: Outline<T>): Promise<T> {
  return of(parsed(await textOf(body)), '');
}

/** One line of an NDJSON body likewise. */
export function jsonLine<T>(line: string, of: Outline<T>): T {
  return of(parsed(line), '');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw cutError(Object.assign(new Error('the answer is not whole', { cause }), { code: 'ECONNRESET' }));
  }
}

/** The lines of an NDJSON body, as they come. */
export async function* linesOf(body: Readable): AsyncGenerator<string> {
  body.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of body) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) if (part !== '') yield part;
    }
  } catch (error) {
    throw cutError(error);
  }
  if (rest !== '') yield rest;
}
