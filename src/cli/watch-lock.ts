import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { BayplanError } from '../state/bayplan-error.ts';

/** How long the other one is asked for its pid: it may be stopped. */
const ASKED_MS = 500;
const ATTEMPTS = 3;

/**
 * Makes this process the only one that follows the files of a stack of the engine at `socket`, until what it answers is called. The lock is the name of an abstract socket, which answers with its holder's pid and
 * goes with it, however that ends: none is ever left over. Throws BayplanError `watched`.
 */
export async function lockWatch(socket: string, stack: string): Promise<() => void> {
  const path = `\0bayplan-watch-${createHash('sha256').update(`${socket}\0${stack}`).digest('hex')}`;
  let pid: string | null = null;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = await listening(path);
    if (server !== null) return () => void server.close();
    pid = await pidAt(path);
    if (pid !== null) break; // else it may have ended meanwhile
  }
  throw new BayplanError('watched', `another watch of the stack "${stack}" runs${pid === null ? '' : `, pid ${pid}`}: end that one first`);
}

/** Null where the name is taken. */
async function listening(path: string): Promise<Server | null> {
  const server = createServer((other) => other.on('error', () => undefined).end(String(process.pid))).unref(); // who asks may go
  try {
    await once(server.listen(path), 'listening');
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return null;
    throw error;
  }
}

async function pidAt(path: string): Promise<string | null> {
  return await new Promise((resolve) => {
    let text = '';
    const other = connect(path).setTimeout(ASKED_MS, () => other.destroy());
    other.on('data', (data: Buffer) => { text += data.toString(); }).on('error', () => undefined).on('close', () => resolve(/^[0-9]+$/.test(text) ? text : null)); // none answers: then it is not known
  });
}
