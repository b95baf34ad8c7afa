import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually, Machine } from './harness.ts';

// Output on its way to a syslog server, over each kind of connection, and what a server that is behind or away does to its container.
let machine: Machine;
const closers: (() => void)[] = [];
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
});
afterEach(() => closers.splice(0).forEach((close) => close()));
afterAll(() => machine.dispose());

const up = async (options: string, script: string): Promise<void> => {
  const file = `services: {a: {image: bayplan/hello, stop_signal: SIGKILL, command: [sh, -c, ${JSON.stringify(script)}], logging: {driver: syslog, options: {${options}}}}}`;
  expect(await machine.up(file)).toMatchObject({ ok: true });
};
const status = () => machine.engine.container('demo-a-1').status;
const ended = () => eventually(() => expect(status()).toMatchObject({ phase: 'exited', exitCode: 0 }));

async function udp(): Promise<{ port: number; lines: string[] }> {
  const socket: Datagrams = createSocket('udp4');
  const lines: string[] = [];
  socket.on('message', (data) => lines.push(data.toString()));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  closers.push(() => socket.close());
  return { port: socket.address().port, lines };
}

async function stream(listen: { port: number; host: string } | { path: string }, take: (socket: Socket) => void): Promise<Server> {
  const server = createServer(take);
  await new Promise<void>((resolve) => server.listen(listen, resolve));
  closers.push(() => server.close());
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

it('goes by UDP, a line each, in the form that is asked for, and is kept here too', async () => {
  const server = await udp();
  await up(`syslog-address: "udp://localhost:${server.port}", syslog-format: rfc5424, syslog-facility: local1, tag: "{{.Name}}/{{.ID}}"`, 'echo one; echo two >&2; printf three');
  await ended();
  const id = status()?.id.slice(0, 12) ?? '';
  await eventually(() => expect(server.lines.map((line) => line.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \S+/, 'TIME HOST').replace(/ \d+ demo/, ' PID demo')).sort()).toEqual([
    `<139>1 TIME HOST demo-a-1/${id} PID demo-a-1/${id} - two\n`, `<142>1 TIME HOST demo-a-1/${id} PID demo-a-1/${id} - one\n`, `<142>1 TIME HOST demo-a-1/${id} PID demo-a-1/${id} - three\n`,
  ]));
  expect(await machine.output('demo-a-1')).toContain('one\n');
});

it('goes by TCP, also to a server that comes later, whole', async () => {
  const probe = await stream({ port: 0, host: '127.0.0.1' }, () => undefined);
  const port = portOf(probe);
  await new Promise((resolve) => probe.close(resolve));
  closers.length = 0;
  await up(`syslog-address: "tcp://127.0.0.1:${port}", tag: app`, 'seq 5000; sleep 1000');
  let text = '';
  await stream({ port, host: '127.0.0.1' }, (socket) => socket.on('data', (data: Buffer) => { text += data.toString(); }).on('error', () => undefined));
  await eventually(() => expect(text.split('\n').length).toBe(5001));
  expect(text.split('\n').slice(0, -1).map((line) => /^<30>\w{3} [ \d]\d \d\d:\d\d:\d\d app\[\d+\]: (\d+)$/.exec(line)?.[1])).toEqual(Array.from({ length: 5000 }, (_, index) => String(index + 1)));
  await machine.down({ stopTimeoutSeconds: 0 });
});

it('goes to a local socket', async () => {
  let text = '';
  const path = join(machine.folder, 'log.sock');
  await stream({ path }, (socket) => socket.on('data', (data: Buffer) => { text += data.toString(); }).on('error', () => undefined));
  await up(`syslog-address: "unix://${path}"`, 'echo here');
  await eventually(() => expect(text).toMatch(/: here\n$/));
});

it('a server that takes nothing keeps no container waiting, unless that is asked for, and never from being stopped', async () => {
  const server = await stream({ port: 0, host: '127.0.0.1' }, (socket) => socket.pause().on('error', () => undefined));
  const address = `syslog-address: "tcp://127.0.0.1:${portOf(server)}"`;
  const writes = 'i=0; while [ $$i -lt 40 ]; do head -c 400000 /dev/zero | tr "\\\\0" x; echo; i=$$((i+1)); done; exit 0';
  await up(address, writes);
  await ended();
  await up(`${address}, mode: blocking`, writes);
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(status()?.phase).toBe('running');
  const begin = Date.now();
  expect(await machine.down({ stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
  expect(Date.now() - begin).toBeLessThan(8000);
});
