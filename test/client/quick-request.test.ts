import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EngineAbsent } from '../../src/client/errors.ts';
import { anything } from '../../src/client/outline.ts';
import { jsonOf, linesOf, quickRequest, textOf } from '../../src/client/quick-request.ts';

describe('a request over a plain socket, as Node\'s own server takes it', () => {
  let folder: string;
  let socket: string;
  let server: Server | null = null;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bayplan-quick-'));
    socket = join(folder, 'engine.sock');
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = null;
    rmSync(folder, { recursive: true });
  });

  async function serve(listener: RequestListener): Promise<void> {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(socket, resolve));
  }

  test('sends method, path, headers and a body that is longer than one packet; reads an answer that is as long', async () => {
    await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        response.end(JSON.stringify({ method: request.method, url: request.url, own: request.headers['x-own'], type: request.headers['content-type'], body: Buffer.concat(chunks).toString() }));
      });
    });
    const body = 'ä'.repeat(1_000_000);
    expect(await jsonOf(await quickRequest(socket, 'PUT', '/stacks/a?wait=1', body, { 'X-Own': '1' }), anything)).toEqual({ method: 'PUT', url: '/stacks/a?wait=1', own: '1', type: 'application/json', body });
  });

  test('yields lines as they come, across the borders of chunks and characters', async () => {
    const bytes = Buffer.from('{"a":"ä"}\n{"b":1}\n{"c"');
    let go = (): void => undefined;
    await serve((_request, response) => {
      response.write(bytes.subarray(0, 7));
      setTimeout(() => response.write(bytes.subarray(7)), 5);
      go = () => response.end(':2}');
    });
    const seen: string[] = [];
    for await (const line of linesOf(await quickRequest(socket, 'GET', '/'))) {
      seen.push(line);
      if (seen.length === 2) go(); // the server ends only once these have been read
    }
    expect(seen).toEqual(['{"a":"ä"}', '{"b":1}', '{"c":2}']);
  });

  test('an answer without a body is read to its end', async () => {
    await serve((_request, response) => response.writeHead(204).end());
    expect(await textOf(await quickRequest(socket, 'POST', '/'))).toBe('');
  });

  test('the error that an answer carries', async () => {
    await serve((_request, response) => response.writeHead(404).end('{"message":"no such stack: a","code":"not-found"}\n'));
    await expect(quickRequest(socket, 'GET', '/')).rejects.toMatchObject({ code: 'not-found', message: 'no such stack: a' });
  });

  test('an engine that is not there, that ends before it answers, and in the middle of it', async () => {
    await expect(quickRequest(socket, 'GET', '/')).rejects.toBeInstanceOf(EngineAbsent);
    await serve((request, response) => {
      if (request.url === '/before') return request.socket.destroy();
      response.write('{"half":', () => request.socket.destroy());
      return undefined;
    });
    await expect(quickRequest(socket, 'GET', '/before')).rejects.toMatchObject({ code: 'engine-gone' });
    await expect(jsonOf(await quickRequest(socket, 'GET', '/half'), anything)).rejects.toMatchObject({ code: 'engine-gone' });
  });
});
