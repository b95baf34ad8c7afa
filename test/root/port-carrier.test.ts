import { execFile, spawn } from 'node:child_process';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';
import { PortCarriers } from '../../src/runtime/network/port-carriers.ts';
import { build, eventually, program } from './harness.ts';
import { processes } from './leftovers.ts';
import { machineForAll } from './machine-of-tests.ts';

const there = existsSync('/proc/sys/net/ipv6');
const PORT = 18_461;
const STACK = `services:
  web:
    image: bayplan/hello
    command: [nc, -ll, -p, '80', -e, sh, -c, 'cat; echo the end']
    stop_signal: SIGKILL
    ports: ['[::1]:${PORT}:80']
`;

const core = process.env['BAYPLAN_TEST_CORE'] ?? join(build, 'bayplan-core');
const machine = machineForAll();

/** What the server answers to `sent` and the end of it. */
async function say(sent: string | Buffer, port = PORT): Promise<string> {
  const socket = connect({ host: '::1', port, allowHalfOpen: true });
  const parts: Buffer[] = [];
  socket.on('data', (data: Buffer) => parts.push(data));
  socket.on('error', () => undefined); // what has come until then is the answer
  socket.end(sent);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(parts).toString();
}

const fetchPing = (): Promise<{ readonly stdout: string }> => promisify(execFile)('curl', ['-s', '--unix-socket', machine.paths.socket, 'http://x/_ping']);
const carriers = (): readonly number[] => processes(machine.paths).flatMap(({ pid, words }) => (words.includes('carry') ? [pid] : []));

it.skipIf(!there)(`a port on [::1] goes on while the engine is dead, is adopted by the next one, and goes with its stack${there ? '' : ' (no IPv6 here)'}`, async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await eventually(async () => expect(await say('one')).toBe('onethe end\n'));
  const [pid = 0] = carriers();
  expect(readFileSync(`/proc/${pid}/status`, 'utf8')).toMatch(/Uid:\s65534\s[\s\S]*CapEff:\s0{16}\n[\s\S]*CapBnd:\s0{16}\n/);

  await machine.close();
  const engine = spawn(process.execPath, [program, '--root', machine.root, 'engine', 'run'], { stdio: 'ignore' });
  await eventually(async () => expect((await fetchPing()).stdout).toBe('OK'));
  engine.kill('SIGKILL');
  await once(engine, 'exit');
  expect(await say('two')).toBe('twothe end\n');
  await machine.open();
  expect(carriers()).toEqual([pid]);
  expect(await say('three')).toBe('threethe end\n');

  // Made anew under another address, it is led to all the same.
  expect(await machine.up(STACK.replace('cat;', 'echo anew; cat;'))).toMatchObject({ ok: true });
  await eventually(async () => expect(await say('four')).toBe('anew\nfourthe end\n'));

  expect(await machine.down()).toMatchObject({ ok: true });
  await eventually(() => expect(carriers()).toEqual([]));
  expect(await say('five')).toBe('');
  expect(readdirSync(machine.paths.carriers)).toEqual([]);
});

it.skipIf(!there)(`carries all of a connection, many at once, to those that answer${there ? '' : ' (no IPv6 here)'}`, async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined); // its client has gone
    socket.on('end', () => socket.end('the end\n'));
    socket.pipe(socket, { end: false });
  });
  const kernel = loadKernel(join(build, 'libbayplan.so'));
  const folder = join(machine.folder, 'carriers');
  await new Promise<void>((resolve) => server.listen(18_462, '127.0.0.1', resolve));
  const carrier = new PortCarriers(kernel, core, folder).open('tcp', '::1', 18_463);
  try {
    carrier.lead([{ address: '127.0.0.1', port: 18_464 }, { address: '127.0.0.1', port: 18_462 }]); // nobody listens at the first
    await carrier.settle();
    const large = Buffer.alloc(8 << 20, 'x');
    expect((await say(large, 18_463)).length).toBe(large.length + 'the end\n'.length);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => say(String(index), 18_463)));
    expect(answers).toEqual(Array.from({ length: 100 }, (_, index) => `${index}the end\n`));
    // A client that vanishes takes nobody along; one that is under way outlives the port.
    connect({ host: '::1', port: 18_463 })
    const open = connect({ host: '::1', port: 18_463 });
    const heard = once(open, 'data');
    open.write('still');
    expect(String(await heard)).toBe('still');
    await carrier.end();
    expect(await say('late', 18_463)).toBe('');
    const last = once(open, 'data');
    open.write('here');
    expect(String(await last)).toBe('here');
    open.destroy();
  } finally {
    await carrier.end();
    server.close();
  }
});

it.skipIf(!there)(`carries datagrams: a client stays with its container, and goes to another one where that is gone; answers come from where it has sent to${there ? '' : ' (no IPv6 here)'}`, async () => {
  const servers = ['one', 'two'].map((tag) => createSocket('udp4').on('message', function echo(this: Socket, data, { port, address }) { this.send(`${tag} ${data.toString()}`, port, address); }));
  const ports = await Promise.all(servers.map(async (server) => {
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    return server.address().port;
  }));
  const carrier = new PortCarriers(loadKernel(join(build, 'libbayplan.so')), core, join(machine.folder, 'datagrams')).open('udp', '::1', 18_466);
  const clients: Socket[] = [];
  const ask = async (client: Socket, text: string): Promise<string> => {
    const heard = once(client, 'message');
    client.send(text, 18_466, '::1');
    const [data, { address, port }] = await heard as [Buffer, RemoteInfo];
    expect([address, port]).toEqual(['::1', 18_466]);
    return data.toString();
  };
  const lead = async (...targets: readonly (number | undefined)[]): Promise<void> => {
    carrier.lead(targets.map((port = 0) => ({ address: '127.0.0.1', port })));
    await carrier.settle();
  };
  try {
    await lead(ports[0], ports[1]);
    for (let number = 0; number < 4; number++) clients.push(createSocket('udp6'));
    const first = await Promise.all(clients.map((client) => ask(client, 'a')));
    expect(first.map((answer) => answer.split(' ')[0]).sort()).toEqual(['one', 'one', 'two', 'two']);
    for (const text of ['b', 'x'.repeat(20_000), '']) expect(await Promise.all(clients.map((client) => ask(client, text)))).toEqual(first.map((answer) => `${answer.slice(0, 3)} ${text}`));
    await lead(ports[1]);
    for (const client of clients) expect(await ask(client, 'c')).toBe('two c');
    // More clients than it keeps at once: the oldest ones begin anew.
    await lead(ports[0]);
    const many = Array.from({ length: 1100 }, () => createSocket('udp6'));
    clients.push(...many);
    for (const client of many) expect(await ask(client, 'd')).toBe('one d');
    for (const client of clients.slice(0, 4)) expect(await ask(client, 'e')).toBe('one e');
    await carrier.end();
    const late = createSocket('udp6').bind(18_466, '::1'); // the port is free
    await once(late, 'listening');
    late.close();
  } finally {
    for (const socket of [...servers, ...clients]) socket.close();
    await carrier.end();
  }
});

it.skipIf(!there)(`is there again when somebody kills it${there ? '' : ' (no IPv6 here)'}`, async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  const [pid = 0] = carriers();
  process.kill(pid, 'SIGKILL');
  await eventually(async () => expect(await say('one')).toBe('onethe end\n'));
  expect(carriers()).not.toContain(pid);
  expect(await machine.down()).toMatchObject({ ok: true });
  await eventually(() => expect(carriers()).toEqual([]));
});

it.skipIf(!there)(`says that its port was taken while it was dead, and serves it once it is free${there ? '' : ' (no IPv6 here)'}`, async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  const [pid = 0] = carriers();
  process.kill(pid, 'SIGKILL');
  const other = createServer((socket) => socket.end('other'));
  await eventually(async () => {
    other.listen(PORT, '::1');
    await once(other, 'listening'); // rejects while the port is not free
  });
  await eventually(() => expect(machine.engine.networks.notices()).toContain(`port [::1]:${PORT}/tcp is not served: another program has taken it; stop that`));
  other.close();
  await eventually(async () => expect(await say('one')).toBe('onethe end\n'));
  expect(machine.engine.networks.notices().join()).not.toContain('not served');
  expect(await machine.down()).toMatchObject({ ok: true });
});

it.skipIf(!there)(`ends when the next engine finds that its root folder has been deleted${there ? '' : ' (no IPv6 here)'}`, async () => {
  const run = '/run/bayplan-5eed0461';
  mkdirSync(join(run, 'c'), { recursive: true });
  writeFileSync(join(run, 'root'), join(machine.folder, 'deleted'));
  const carrier = new PortCarriers(loadKernel(join(build, 'libbayplan.so')), core, join(run, 'carriers')).open('tcp', '::1', 18_465);
  await carrier.settle();
  carrier.leave();
  expect(readdirSync(join(run, 'carriers'))).toEqual(['::1-18465']);
  await machine.close();
  await machine.open();
  expect(existsSync(run)).toBe(false);
  const free = createServer();
  await eventually(async () => {
    free.listen(18_465, '::1');
    await once(free, 'listening');
  });
  free.close();
});
