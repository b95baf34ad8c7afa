import { connect, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { AttachParts } from './containers.ts';

/** A connection that waits for its container's shim: the shim's end of it, and what it takes part in. */
export interface PendingAttachment { readonly fd: number; readonly parts: AttachParts }

/** As many connections a shim takes (native/attach.h). */
export const MOST_ATTACHMENTS = 8;

const Answer = z.object({ ok: z.boolean(), error: z.string().optional() });

/** The parts as the core reads them. */
export function partsText({ stdin, stdout, stderr }: AttachParts): string {
  return `${stdin ? 'i' : ''}${stdout ? 'o' : ''}${stderr ? 'e' : ''}`;
}

/** Our end of a connection to a shim. Its end of input is ours to say, whatever the shim has said. */
export function attachedSocket(fd: number): Duplex {
  return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
}

/** Attaches to a running container by its shim's control socket (native/README.md, "Attach"). */
export async function attachTo(path: string, name: string, parts: AttachParts): Promise<Duplex> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const connection = connect({ path, allowHalfOpen: true });
    connection.once('error', () => reject(new BayplanError('conflict', `container ${name} is not running`)));
    connection.once('connect', () => {
      connection.removeAllListeners('error');
      resolve(connection);
    });
  });
  try {
    socket.write(`${JSON.stringify({ version: 1, op: 'attach', parts: partsText(parts) })}\n`);
    const answer = Answer.parse(JSON.parse(await firstLine(socket, name)));
    if (!answer.ok) throw new BayplanError('conflict', `container ${name}: no more connections can be attached to it: ${answer.error ?? ''}`);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The line that comes first; what follows stays in the stream. */
async function firstLine(socket: Socket, name: string): Promise<string> {
  let seen: Buffer = Buffer.alloc(0);
  return await new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      for (const event of ['readable', 'error', 'end', 'close'] as const) socket.removeAllListeners(event);
      act();
    };
    const ended = (): void => settle(() => reject(new BayplanError('conflict', `container ${name} has just ended`)));
    socket.on('readable', () => {
      for (let chunk: unknown = socket.read(); Buffer.isBuffer(chunk); chunk = socket.read()) seen = Buffer.concat([seen, chunk]);
      const end = seen.indexOf('\n');
      if (end < 0) return;
      settle(() => {
        if (end + 1 < seen.length) socket.unshift(seen.subarray(end + 1));
        resolve(seen.subarray(0, end).toString());
      });
    }).on('error', ended).on('end', ended).on('close', ended);
  });
}
