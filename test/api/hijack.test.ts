import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, PassThrough } from 'node:stream';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { BayplanError } from '../../src/state/bayplan-error.ts';
import { container, FakeEngine, record, SPEC } from './fake-engine.ts';

// Connections that are switched over, as clients use them that leave more to the engine than docker's own does.

const folder = mkdtempSync(join(tmpdir(), 'bayplan-hijack-'));
const socket = join(folder, 's');
const engine = new FakeEngine();
const server = createApi(engine);
const { exec } = engine.containers;
const happened: string[] = [];
await serve(server, socket);
afterAll(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  happened.length = 0;
  engine.containers.exec = exec;
  engine.events = { ...engine.events, container: (action) => { happened.push(action); } };
  engine.all.set('shop-web-1', { ...container(1, 'web'), spec: { ...SPEC, tty: true, stdinOpen: true } });
});

async function json(method: string, path: string, body = ''): Promise<{ readonly status: number; readonly answer: Record<string, unknown> }> {
  return await new Promise((resolve, reject) => {
    request({ socketPath: socket, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode ?? 0, answer: JSON.parse(text || '{}') }));
    }).once('error', reject).end(body);
  });
}

const created = async (body: object): Promise<string> => String((await json('POST', '/containers/shop-web-1/exec', JSON.stringify({ Cmd: ['cat'], AttachStdin: true, Tty: true, ...body }))).answer['Id']);

/** What the client gets, as it comes, and its end. */
interface Opened { readonly connection: Socket; readonly got: () => string; readonly ended: Promise<void> }

function open(path: string, body = '', agent = 'x'): Opened {
  let text = '';
  const connection = connect(socket).setEncoding('latin1').on('data', (chunk) => { text += String(chunk); });
  connection.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nUser-Agent: ${agent}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  return { connection, got: () => text, ended: new Promise((resolve, reject) => connection.once('error', reject).once('end', () => { connection.end(); resolve(); })) };
}

const body = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4);

test('a command starts once its client has the head of the answer', async () => {
  const id = await created({ Cmd: ['echo', 'out'], Tty: false });
  const client = open(`/exec/${id}/start`, '{}');
  engine.containers.exec = async (name, asked) => {
    await expect.poll(client.got).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n.*\r\n\r\n$/s);
    return await exec(name, asked);
  };
  await client.ended;
  expect(body(client.got())).toBe('\x01\0\0\0\0\0\0\x04out\n');
});

test('docker-py has the head of the answer alone first', async () => {
  engine.records.set('shop-web-1', [record(1, 'stdout', 'logged')]);
  const client = open('/containers/shop-web-1/attach?logs=1&stdout=1', '', 'docker-sdk-python/7.1.0');
  const first = await new Promise<string>((resolve) => client.connection.once('data', (chunk) => resolve(String(chunk))));
  await client.ended;
  expect([first.endsWith('\r\n\r\n'), body(client.got())]).toEqual([true, 'logged']);
});

test('a command that then cannot be started says so in the stream, and ends with 126', async () => {
  engine.containers.exec = async () => Promise.reject(new BayplanError('exec-failed', 'the core could not be started'));
  for (const [Tty, said] of [[true, 'the core could not be started\r\n'], [false, '\x02\0\0\0\0\0\0\x1fthe core could not be started\r\n']] as const) {
    const id = await created({ Tty });
    const client = open(`/exec/${id}/start`, JSON.stringify({ Tty }));
    await client.ended;
    expect(body(client.got())).toBe(said);
    expect((await json('GET', `/exec/${id}/json`)).answer).toMatchObject({ ExitCode: 126, Running: false });
  }
});

test.each([[{}, '\x10\x11'], [{ DetachKeys: 'ctrl-x,y' }, '\x18y'], [{ detachKeys: 'ctrl-x' }, '\x18']])('a client leaves a command with a terminal by its keys (%j), and it goes on', async (keys, typed) => {
  const id = await created(keys);
  const client = open(`/exec/${id}/start`, '{}');
  client.connection.write('seen\n');
  await expect.poll(client.got).toContain('seen\n');
  client.connection.write(typed);
  await client.ended;
  expect(happened).toEqual(['exec_create: cat ', 'exec_start: cat ', 'exec_detach']);
  expect((await json('GET', `/exec/${id}/json`)).answer).toMatchObject({ Running: true });
  await json('POST', `/exec/${id}/interrupt?kill=1`);
  await expect.poll(async () => (await json('GET', `/exec/${id}/json`)).answer['Running']).toBe(false);
});

test('the client says at the start whether it wants frames, whatever the command has', async () => {
  for (const [start, shown] of [['{}', '\x01\0\0\0\0\0\0\x04out\n'], ['{"Tty":true}', 'out\n']] as const) {
    for (const Tty of [true, false]) {
      const client = open(`/exec/${await created({ Cmd: ['echo', 'out'], Tty, AttachStdin: false })}/start`, start);
      await client.ended;
      expect(body(client.got())).toBe(shown);
      expect(client.got()).toContain(start === '{}' ? 'vnd.docker.multiplexed-stream' : 'vnd.docker.raw-stream');
    }
  }
});

test('without a terminal those keys are input as any other', async () => {
  const client = open(`/exec/${await created({ Tty: false })}/start`, '{}');
  client.connection.write('\x10\x11a');
  await expect.poll(client.got).toContain('\x10\x11a');
  client.connection.end();
  await client.ended;
});

test('a client leaves a container that it is attached to by its keys, and its connection to the container is closed', async () => {
  const input = new PassThrough();
  const stdio = Duplex.from({ writable: input, readable: new PassThrough() });
  engine.containers.attach = () => Promise.resolve(stdio);
  const client = open('/containers/shop-web-1/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,b');
  client.connection.write('\x10\x11in\x01b');
  await client.ended;
  expect(String(input.read())).toBe('\x10\x11in');
  await expect.poll(() => stdio.destroyed).toBe(true);
  expect(happened).toEqual(['attach', 'detach']);
});

test('keys that are none are refused', async () => {
  expect(await json('POST', '/containers/shop-web-1/exec', '{"Cmd":["cat"],"DetachKeys":"ctrl-1"}')).toMatchObject({ status: 400, answer: { message: expect.stringContaining('invalid detach keys (ctrl-1)') } });
  const client = open('/containers/shop-web-1/attach?stream=1&stdin=1&detachKeys=nonsense');
  await client.ended;
  expect(client.got()).toMatch(/^HTTP\/1\.1 400 .*invalid detach keys \(nonsense\)/s);
});
