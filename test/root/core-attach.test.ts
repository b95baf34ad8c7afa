import { existsSync, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { closers, Container, logText, notSanitized, sanitized, sh, until } from './core-world.ts';

describe('attached connections', () => {
  /** All that comes over a connection until its end. */
  function receive(socket: Socket): Promise<Buffer> {
    const chunks: Buffer[] = [];
    socket.on('data', (data: Buffer) => chunks.push(data));
    return new Promise((resolve) => { socket.once('end', () => resolve(Buffer.concat(chunks))); });
  }
  /** Attaches to a running container; `first` is its answer. */
  async function attach(container: Container, parts: string): Promise<{ socket: Socket; first: string }> {
    const socket = connect({ path: join(container.bundle, 'shim.sock'), allowHalfOpen: true });
    closers.push(() => socket.destroy());
    socket.write(`${JSON.stringify({ version: 1, op: 'attach', parts })}\n`);
    const first = await new Promise<string>((resolve) => { socket.once('data', (data) => resolve(data.toString())); });
    return { socket, first };
  }

  it('get frames of each stream, and are the input until they end it', async () => {
    const container = new Container(sh('read line; echo got $line; echo bad >&2; cat; exit 4')).start('--stdin', 'once');
    await container.line();
    const { socket, first } = await attach(container, 'ioe');
    expect(first).toBe('{"version":1,"ok":true}\n');
    const all = receive(socket);
    socket.end('one\ntwo\n');
    expect((await container.exit()).exitCode).toBe(4);
    const bytes = await all;
    const frames: [number, string][] = [];
    for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32BE(at + 4)) frames.push([bytes.readUInt8(at), bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at + 4)).toString()]);
    expect(frames.filter(([stream]) => stream === 1).map(([, text]) => text).join('')).toBe('got one\ntwo\n');
    expect(frames.filter(([stream]) => stream === 2)).toEqual([[2, 'bad\n']]);
    expect(logText(container.log, 1)).toBe('got one\ntwo\n');
  });

  it('have a terminal\'s bytes as they are, of the size they ask for', async () => {
    const container = new Container(sh('stty size; read line; stty size; tty'), { tty: true }, { consoleSize: { width: 90, height: 30 } }).start('--stdin', 'open');
    await container.line();
    await until(() => (logText(container.log, 1).startsWith('30 90\r\n') ? true : null));
    const { socket } = await attach(container, 'io');
    const all = receive(socket);
    expect((await container.control({ version: 1, op: 'resize', width: 120, height: 50 })).answer).toMatchObject({ ok: true });
    socket.write('\r');
    await container.exit();
    expect((await all).toString()).toMatch(/\r\n50 120\r\n\/dev\/pts\/0\r\n$/);
  });

  it.skipIf(sanitized)(`hold a container back while they are behind, and let it go when they leave${notSanitized}`, async () => {
    const container = new Container(sh('head -c 30000000 /dev/zero; echo end')).start();
    await container.line();
    const { socket } = await attach(container, 'o');
    socket.pause();
    await until(() => (statSync(container.log).size > 200_000 ? true : null));
    const { shimPid } = container.ready;
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    expect(existsSync(container.exitFile)).toBe(false);
    expect(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${shimPid}/status`, 'utf8'))?.[1])).toBeLessThan(4096);
    socket.destroy();
    expect((await container.exit()).exitCode).toBe(0);
    expect(logText(container.log, 1)).toMatch(/end\n$/);
  });

  it('are at most eight', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    for (let n = 0; n < 8; n++) expect((await attach(container, 'o')).first).toContain('"ok":true');
    expect((await attach(container, 'o')).first).toMatch(/"ok":false.*"errno":16/);
  });
});
