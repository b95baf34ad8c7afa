import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { container, FakeEngine, IMAGE, record, REQUEST } from './fake-engine.ts';

let engine: FakeEngine;
let server: Server;
let folder: string;
let socket: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-api-'));
  socket = join(folder, 's');
  engine = new FakeEngine();
  engine.all.set('shop-web-1', container(1, 'web'));
  engine.all.set('shop-db-1', container(2, 'db', { phase: 'exited', exitCode: 3, finishedAt: Date.now() - 5_100 }));
  server = createApi(engine);
  await serve(server, socket);
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

interface Answer { readonly status: number; readonly headers: IncomingMessage['headers']; readonly body: string }

async function call(method: string, path: string, body?: string): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk: string) => { text += chunk; }).on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('the socket has mode 0660', () => {
  expect(statSync(socket).mode & 0o777).toBe(0o660);
});

test('ping answers the headers that clients negotiate by, to HEAD too', async () => {
  for (const method of ['HEAD', 'GET']) {
    const { status, headers, body } = await call(method, '/_ping');
    expect([status, headers['api-version'], headers['ostype'], headers['server']]).toEqual([200, '1.51', 'linux', 'bayplan/9.9.9 (linux)']);
    expect(body).toBe(method === 'HEAD' ? '' : 'OK');
  }
});

test('every path exists below a version too', async () => {
  expect(JSON.parse((await call('GET', '/v1.44/version')).body)).toMatchObject({ Version: '9.9.9', ApiVersion: '1.51', MinAPIVersion: '1.24', Os: 'linux' });
});

test('containers are listed in Docker\'s shape, running ones alone unless all are asked for', async () => {
  const running = JSON.parse((await call('GET', '/containers/json')).body);
  expect(running).toHaveLength(1);
  expect(running[0]).toMatchObject({
    Names: ['/shop-web-1'], Image: 'nginx:1', ImageID: IMAGE.id, Command: '/entry serve', State: 'running', Status: 'Up About a minute (healthy)',
    Ports: [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }],
    NetworkSettings: { Networks: { shop_default: { IPAddress: '10.9.0.2', NetworkID: 'e'.repeat(64), Gateway: '10.9.0.1', IPPrefixLen: 24 } } },
    Labels: { 'com.docker.compose.project': 'shop', from: 'image' }, Bayplan: { stack: 'shop', service: 'web', slot: 1 },
  });
  expect(JSON.parse((await call('GET', `/containers/json?filters=${encodeURIComponent('{"label":["from=image"]}')}`)).body)).toHaveLength(1);
  const all = JSON.parse((await call('GET', '/containers/json?all=1')).body);
  expect(all.map((one: { Status: string }) => one.Status)).toEqual(['Up About a minute (healthy)', 'Exited (3) 5 seconds ago']);
});

test.each([
  ['{"label":{"com.docker.compose.project=shop":true}}', 2], ['{"label":["com.docker.compose.project"]}', 2], ['{"label":["com.docker.compose.project=other"]}', 0],
  ['{"name":["db"]}', 1], ['{"status":["exited"]}', 1], ['{"service":["web"],"stack":["shop"]}', 1], ['{"stack":["none"]}', 0],
  ['{"network":["eeee"]}', 2], ['{"network":["f"]}', 0],
])('filter %s finds %i', async (filters, count) => {
  expect(JSON.parse((await call('GET', `/containers/json?all=true&filters=${encodeURIComponent(filters)}`)).body)).toHaveLength(count);
});

test('inspect merges what the image says', async () => {
  const { body } = await call('GET', `/containers/${'1'.repeat(12)}/json`);
  expect(JSON.parse(body)).toMatchObject({
    Name: '/shop-web-1', Path: '/entry', Args: ['serve'], State: { Status: 'running', Running: true, Health: { Status: 'healthy' } },
    Config: { Env: ['A=own', 'PATH=/bin'], WorkingDir: '/srv', Labels: { from: 'image', 'com.docker.compose.project': 'shop' }, ExposedPorts: { '80/tcp': {} } },
    HostConfig: { Memory: 1024, NanoCpus: 500_000_000, PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }] } },
  });
});

test('errors are {"message"} with exactly application/json', async () => {
  const { status, headers, body } = await call('GET', '/containers/nope/json');
  expect([status, headers['content-type']]).toEqual([404, 'application/json']);
  expect(JSON.parse(body)).toEqual({ message: 'No such container: nope', code: 'not-found' });
  expect((await call('GET', '/nowhere')).status).toBe(404);
  expect((await call('GET', '/containers/json?filters=x')).status).toBe(400);
  expect((await call('GET', '/containers/json?filters=%7B%22colour%22%3A%5B%5D%7D')).body).toContain(`invalid filter 'colour'`);
});

test('logs that are not kept are refused before the answer begins', async () => {
  const { spec, ...rest } = container(2, 'db');
  engine.all.set('shop-db-1', { ...rest, spec: { ...spec, logging: { driver: 'none', options: {} } } });
  expect(await call('GET', '/containers/shop-db-1/logs?stdout=1')).toMatchObject({ status: 400, body: expect.stringContaining('its output is not kept') });
});

test('a stop signal that there is not is refused where the container is made', async () => {
  const config = (StopSignal: string): string => JSON.stringify({ Image: 'nginx:1', StopSignal, HostConfig: { NetworkMode: 'none' } });
  for (const signal of ['FOO', '99', '0']) expect(await call('POST', '/containers/create?name=box', config(signal))).toMatchObject({ status: 400, body: expect.stringContaining('invalid signal: ') });
  expect((await call('POST', '/containers/create?name=box', config('RTMIN+3'))).status).toBe(201);
});

test('limits that Docker refuses are refused, in its words', async () => {
  const refused: [object, string][] = [
    [{ Memory: 1024 }, 'Minimum memory limit allowed is 6MB'], [{ Memory: 10 << 20, MemoryReservation: 20 << 20 }, 'Minimum memory limit can not be less than memory reservation limit'],
    [{ NanoCpus: 1e15 }, 'range of CPUs is from 0.01 to'], [{ NanoCpus: -1 }, 'range of CPUs is from 0.01 to'],
    [{ CpuQuota: 500 }, 'CPU cfs quota can not be less than 1ms'], [{ CpuPeriod: 10 }, 'CPU cfs period can not be less than 1ms'],
  ];
  for (const [limits, words] of refused) {
    const body = expect.stringContaining(words);
    expect(await call('POST', '/containers/create?name=box', JSON.stringify({ Image: 'nginx:1', HostConfig: { NetworkMode: 'none', ...limits } }))).toMatchObject({ status: 400, body });
    expect(await call('POST', '/containers/shop-web-1/update', JSON.stringify(limits))).toMatchObject({ status: 400, body });
  }
  const { spec, ...rest } = container(1, 'web');
  engine.all.set('shop-web-1', { ...rest, spec: { ...spec, resources: { ...spec.resources, memoryReservation: 20 << 20, cpus: 1000 } } });
  expect((await call('POST', '/containers/shop-web-1/update', JSON.stringify({ Memory: 10 << 20 }))).status).toBe(400);
  expect((await call('POST', '/containers/shop-web-1/update', JSON.stringify({ Memory: 30 << 20, CpuQuota: -1 }))).status).toBe(200); // what holds already is nobody's mistake
});

test('an update takes the limit of processes away with 0 and with -1, and leaves it where it says nothing', async () => {
  const { spec, ...rest } = container(1, 'web');
  engine.all.set('shop-web-1', { ...rest, spec: { ...spec, resources: { ...spec.resources, pids: 7 } } });
  await call('POST', '/containers/shop-web-1/update', '{"CpuShares":5}');
  await call('POST', '/containers/shop-web-1/update', '{"PidsLimit":0}');
  await call('POST', '/containers/shop-web-1/update', '{"PidsLimit":-1}');
  const updates = engine.calls.filter((line) => line.startsWith('update shop-web-1 ')).map((line): unknown => JSON.parse(line.slice('update shop-web-1 '.length)));
  expect(updates).toMatchObject([{ resources: { pids: 7, cpuShares: 5 } }, { resources: { pids: null } }, { resources: { pids: null } }]);
});

test('logs come in frames, with times and since where asked for', async () => {
  engine.records.set('shop-db-1', [record(1000, 'stdout', 'a\nb'), record(2000, 'stderr', 'oops\n'), record(3000, 'stdout', 'c\n')]);
  const plain = await call('GET', '/containers/shop-db-1/logs?stdout=1&stderr=1');
  expect(plain.headers['content-type']).toBe('application/vnd.docker.multiplexed-stream');
  expect(plain.body).toBe('\x01\0\0\0\0\0\0\x02a\n' + '\x01\0\0\0\0\0\0\x01b' + '\x02\0\0\0\0\0\0\x05oops\n' + '\x01\0\0\0\0\0\0\x02c\n');
  const stamped = await call('GET', '/containers/shop-db-1/logs?stdout=1&timestamps=1&since=0.5');
  expect(stamped.body.slice(8)).toBe('1970-01-01T00:00:01.000000000Z a\n' + '\x01\0\0\0\0\0\0\x22' + '1970-01-01T00:00:03.000000000Z bc\n');
  expect((await call('GET', '/containers/shop-db-1/logs?stderr=1&since=2.5')).body).toBe('');
  expect((await call('GET', '/containers/shop-db-1/logs')).status).toBe(400);
});

test('following a log goes on until the container has ended', async () => {
  engine.records.set('shop-web-1', [record(1, 'stdout', 'first\n')]);
  const answer = call('GET', '/containers/shop-web-1/logs?stdout=1&follow=1');
  engine.records.get('shop-web-1')?.push(record(2, 'stdout', 'second\n'));
  await new Promise((resolve) => setTimeout(resolve, 30));
  engine.change('shop-web-1', { phase: 'exited' });
  expect((await answer).body).toContain('second');
});

test('stop, start, kill and wait', async () => {
  expect((await call('POST', '/containers/shop-web-1/start')).status).toBe(304);
  const waiting = call('POST', '/containers/shop-web-1/wait');
  expect((await call('POST', '/containers/shop-web-1/kill?signal=SIGHUP')).status).toBe(204);
  expect((await call('POST', '/containers/shop-web-1/stop?t=2')).status).toBe(204);
  expect(JSON.parse((await waiting).body)).toEqual({ StatusCode: 143 });
  expect((await call('POST', '/containers/shop-web-1/kill')).status).toBe(409);
  expect(engine.calls).toEqual(['signal shop-web-1 SIGHUP', 'stop shop-web-1 null 2000']);
});

async function exec(argv: readonly string[], input: string): Promise<{ readonly stream: string; readonly code: unknown }> {
  const { Id } = JSON.parse((await call('POST', '/v1.47/containers/shop-web-1/exec', JSON.stringify({ Cmd: argv, AttachStdin: true, AttachStdout: true, AttachStderr: true }))).body);
  const stream = await new Promise<string>((resolve, reject) => {
    let text = '';
    const connection = connect(socket).setEncoding('latin1').on('data', (chunk) => { text += String(chunk); }).on('end', () => resolve(text)).on('error', reject);
    const body = '{"Detach":false,"Tty":false}';
    connection.write(`POST /v1.47/exec/${Id}/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    connection.end(input); // the half-close is the end of stdin
  });
  return { stream, code: JSON.parse((await call('GET', `/exec/${Id}/json`)).body).ExitCode };
}

test('exec hijacks the connection, ends stdin by the half-close, and knows the code when the stream ends', async () => {
  const { stream, code } = await exec(['sh', '-c', 'cat; echo bad >&2; exit 7'], 'hello');
  expect(stream).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n/);
  expect(stream).toContain('Upgrade: tcp\r\n');
  expect(stream).toContain('\x01\0\0\0\0\0\0\x05hello');
  expect(stream).toContain('\x02\0\0\0\0\0\0\x04bad\n');
  expect(code).toBe(7);
});

test('an exec that still runs keeps the server from closing no longer than the answer', async () => {
  const { Id } = JSON.parse((await call('POST', '/containers/shop-web-1/exec', '{"Cmd":["sleep","60"],"AttachStdin":true}')).body);
  const connection = connect(socket);
  const ended = new Promise((resolve) => connection.once('close', resolve));
  connection.write(`POST /exec/${Id}/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}`);
  await new Promise((resolve) => connection.once('data', resolve));
  const closed = new Promise((resolve) => server.once('close', resolve));
  await call('POST', '/engine/stop');
  await Promise.all([closed, ended]);
});

test('an exec without upgrade ends when its client leaves', async () => {
  const { Id } = JSON.parse((await call('POST', '/containers/shop-web-1/exec', '{"Cmd":["sleep","60"]}')).body);
  const connection = connect(socket);
  connection.write(`POST /exec/${Id}/start HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`);
  await new Promise((resolve) => connection.once('data', resolve));
  connection.destroy();
  await expect.poll(async () => JSON.parse((await call('GET', `/exec/${Id}/json`)).body), { timeout: 5000 }).toMatchObject({ Running: false, ExitCode: 137 });
});

test('a client that does not read its events is cut off, and one that reads them is not', async () => {
  let tell: Parameters<typeof engine.events.onEvent>[0] = () => undefined;
  let listening = false;
  engine.events = { ...engine.events, past: () => [], onEvent: (listener) => {
    tell = listener;
    listening = true;
    return () => { listening = false; };
  } };
  const connection = connect(socket).on('error', () => undefined);
  connection.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => connection.once('data', resolve));
  const event = { type: 'container', action: 'start', id: 'a', attributes: {}, time: 1 } as const;
  tell(event);
  await new Promise((resolve) => connection.once('data', resolve));
  expect(listening).toBe(true);
  const closed = new Promise((resolve) => connection.once('close', resolve));
  for (let count = 0; count < 10_002; count++) tell(event);
  await closed;
  await expect.poll(() => listening).toBe(false);
});

test('an exec session starts once, and only in a running container', async () => {
  expect((await call('POST', '/containers/shop-db-1/exec', '{"Cmd":["true"]}')).status).toBe(409);
  const { Id } = JSON.parse((await call('POST', '/containers/shop-web-1/exec', '{"Cmd":["true"]}')).body);
  expect((await call('POST', `/exec/${Id}/start`, '{}')).status).toBe(200);
  expect((await call('POST', `/exec/${Id}/start`, '{}')).status).toBe(409);
  expect((await call('POST', '/containers/shop-web-1/exec', '{"Cmd":[]}')).status).toBe(400);
});

test('images, networks and volumes', async () => {
  expect(JSON.parse((await call('GET', '/images/json')).body)[0]).toMatchObject({ Id: IMAGE.id, RepoTags: ['nginx:1'], Size: 1234 });
  expect(JSON.parse((await call('GET', '/images/docker.io/library/nginx:1/json')).body)).toMatchObject({ Id: IMAGE.id, Config: { Cmd: ['serve'] } });
  expect((await call('GET', '/images/a/b:c/json')).status).toBe(404);
  expect(JSON.parse((await call('GET', '/networks/eeee')).body)).toMatchObject({ Name: 'shop_default', Containers: { ['1'.repeat(64)]: { IPv4Address: '10.9.0.2/24' } } });
  expect(JSON.parse((await call('GET', '/volumes/shop_data')).body)).toMatchObject({ Mountpoint: '/fake/v', Labels: { a: 'b' } });
  expect((await call('POST', '/images/load', 'archive')).body).toBe('{"stream":"Loaded image: nginx:1\\n"}\n');
  expect((await call('POST', '/images/load', 'ar')).status).toBe(400);
});

test('a stack is put, and what the pass does streams as lines', async () => {
  engine.pass = [{ version: 1, type: 'plan', plan: { steps: [], notes: ['n'], wakeAt: null } }, { version: 1, type: 'end', ok: true, revision: 4, message: '' }];
  const { status, headers, body } = await call('PUT', '/stacks/shop?wait=1', JSON.stringify(REQUEST));
  expect([status, headers['content-type']]).toEqual([200, 'application/x-ndjson']);
  expect(body.trim().split('\n').map((line) => JSON.parse(line).type)).toEqual(['plan', 'end']);
  expect(engine.calls).toEqual(['apply shop wait=true']);
  const wrong = await call('PUT', '/stacks/shop', JSON.stringify({ ...REQUEST, base: 'x' }));
  expect([wrong.status, JSON.parse(wrong.body).message]).toEqual([400, expect.stringContaining('base')]);
});

test('a stack is removed; one that is not there is 404', async () => {
  expect((await call('DELETE', '/stacks/shop?volumes=1&timeout=3')).status).toBe(200);
  expect((await call('DELETE', '/stacks/none')).status).toBe(404);
  expect((await call('DELETE', '/stacks/shop?timeout=x')).status).toBe(400);
  expect(engine.calls).toEqual(['remove shop volumes=true timeout=3']);
});

test('logs of a stack follow containers that appear later and that run again', async () => {
  engine.records.set('shop-web-1', [record(1, 'stdout', 'old\n'), record(2, 'stdout', 'one\n')]);
  const seen: string[] = [];
  const sent = request({ socketPath: socket, path: '/stacks/shop/logs?follow=1&tail=1', agent: false }, (response) => {
    response.setEncoding('utf8').on('data', (chunk: string) => seen.push(...chunk.trim().split('\n').map((line) => `${JSON.parse(line).container} ${JSON.parse(line).line}`)));
  });
  sent.on('error', () => undefined).end();
  await expect.poll(() => seen).toEqual(['shop-web-1 one']);
  engine.change('shop-web-1', { phase: 'exited', finishedAt: 5 });
  engine.records.set('shop-new-1', [record(3, 'stderr', 'x\n'), record(4, 'stdout', 'y')]);
  engine.all.set('shop-new-1', container(3, 'new', { phase: 'exited', finishedAt: 6 }));
  await expect.poll(() => seen).toEqual(['shop-web-1 one', 'shop-new-1 x', 'shop-new-1 y']);
  engine.records.get('shop-web-1')?.push(record(7, 'stdout', 'two\n'));
  engine.change('shop-web-1', { phase: 'running' });
  await expect.poll(() => seen.at(-1)).toBe('shop-web-1 two');
  sent.destroy();
});

test('logs of a stack that are to end do so when nothing runs and nothing will', async () => {
  engine.records.set('shop-web-1', [record(1, 'stdout', 'one\n')]);
  engine.change('shop-web-1', { phase: 'exited', finishedAt: 5, restartAt: Date.now() + 60_000 });
  const logs = call('GET', '/stacks/shop/logs?follow=1&end=1');
  await new Promise((resolve) => setTimeout(resolve, 120)); // more than a look; a restart is still to come
  engine.change('shop-web-1', { phase: 'running', restartAt: 0 });
  engine.records.get('shop-web-1')?.push(record(2, 'stdout', 'two\n'));
  engine.change('shop-web-1', { phase: 'exited', finishedAt: 6 });
  expect((await logs).body.trim().split('\n').map((line) => JSON.parse(line).line).filter((line) => line !== '')).toEqual(expect.arrayContaining(['one', 'two']));
});

test('a container that is being started once more is told to have ended with what it ended with', async () => {
  const { status } = container(1, 'web');
  engine.events = { ...engine.events, past: () => [{ type: 'container', action: 'die', id: status?.id ?? '', attributes: { exitCode: '143' }, time: 9 }, { type: 'container', action: 'die', id: 'other', attributes: { exitCode: '1' }, time: 9 }] };
  engine.records.set('shop-web-1', [record(1, 'stdout', 'one\n')]);
  engine.change('shop-web-1', { phase: 'created', exitCode: 0, finishedAt: 9 }); // as a restart leaves it between the end and the start
  const { body } = await call('GET', '/stacks/shop/logs?service=web&ends=1');
  expect(body.trim().split('\n').map((line) => JSON.parse(line))).toMatchObject([{ line: 'one' }, { ended: 143 }]);
});

test('lines of a stack are its bytes, however long', async () => {
  engine.records.set('shop-web-1', [record(1, 'stdout', Buffer.from([0xff, 0x0a])), record(2, 'stdout', 'x'.repeat(70_000)), record(3, 'stdout', 'y\n')]);
  const { body } = await call('GET', '/stacks/shop/logs?service=web');
  expect(body.trim().split('\n').map((line) => JSON.parse(line))).toMatchObject([{ base64: '/w==' }, { partial: true }, { line: 'y' }]);
});

test('a container that is removed while its log is begun does not end the others\' logs', async () => {
  engine.records.set('shop-web-1', [record(1, 'stdout', 'one\n')]);
  const logs = engine.containers.logs.bind(engine.containers);
  engine.containers.logs = (name, options) => {
    if (name !== 'shop-db-1') return logs(name, options);
    engine.change(name, { phase: 'removing' });
    throw new Error('ENOENT: its folder is gone');
  };
  let seen = '';
  let cut = false;
  const sent = request({ socketPath: socket, path: '/stacks/shop/logs?follow=1', agent: false }, (response) => {
    response.on('data', (chunk) => { seen += String(chunk); }).on('error', () => { cut = true; });
  });
  sent.on('error', () => undefined).end();
  await expect.poll(() => seen).toContain('one');
  engine.records.get('shop-web-1')?.push(record(2, 'stdout', 'two\n'));
  await expect.poll(() => seen).toContain('two');
  expect(cut).toBe(false);
  sent.destroy();
});

test('what a client leaves out by null is left out', async () => {
  const asked = { Name: 'nulls', Driver: null, CheckDuplicate: null, Internal: null, Options: null, Labels: null, IPAM: { Driver: null, Config: [{ Subnet: '10.77.0.0/24', Gateway: null, IPRange: null, AuxiliaryAddresses: null }] } };
  expect((await call('POST', '/networks/create', JSON.stringify(asked))).status).toBe(201);
  expect(engine.made.get('nulls')?.spec).toMatchObject({ driver: 'bridge', ipam: [{ subnet: '10.77.0.0/24', gateway: '', ipRange: '', auxAddresses: {} }] });
  expect((await call('POST', '/volumes/create', '{"Name":null,"Driver":null,"DriverOpts":null,"Labels":null}')).status).toBe(201);
  expect((await call('POST', '/containers/shop-web-1/exec', '{"Cmd":["true"],"Env":null,"User":null,"WorkingDir":null,"Tty":null,"DetachKeys":null}')).status).toBe(201);
});

test('a container that waits for its restart, or is paused, is removed by force alone', async () => {
  engine.change('shop-db-1', { restartAt: Date.now() + 60_000 });
  expect(await call('DELETE', '/containers/shop-web-1')).toMatchObject({ status: 409, body: expect.stringContaining('container is running: stop the container before removing or force remove') });
  engine.change('shop-web-1', { paused: true });
  expect(await call('DELETE', '/containers/shop-db-1')).toMatchObject({ status: 409, body: expect.stringContaining('container is restarting: stop the container before removing or force remove') });
  expect(await call('DELETE', '/containers/shop-web-1')).toMatchObject({ status: 409, body: expect.stringContaining('container is paused and must be unpaused first') });
  expect((await call('DELETE', '/containers/shop-db-1?force=1')).status).toBe(204);
});

test('a link on a network of one\'s own may be to a container that comes later', async () => {
  const asked = (HostConfig: object, links: object): string => JSON.stringify({ Image: 'nginx:1', HostConfig: { NetworkMode: 'shop_default', ...HostConfig }, NetworkingConfig: { EndpointsConfig: { shop_default: links } } });
  expect((await call('POST', '/containers/create?name=early', asked({}, { Links: ['later:db'] }))).status).toBe(201);
  expect((await call('POST', '/containers/create?name=early2', asked({ Links: ['later:db'] }, {}))).status).toBe(201); // docker's client says it in both places
  expect(await call('POST', '/containers/create?name=strict', asked({ NetworkMode: 'bridge', Links: ['later:db'] }, {}))).toMatchObject({ status: 400, body: expect.stringContaining('could not get container for later') });
});

test('an archive keeps its owners where the container runs as root, and becomes its user\'s else, as with docker', async () => {
  const put = async (): Promise<string | undefined> => {
    expect((await call('PUT', '/containers/shop-web-1/archive?path=/tmp&copyUIDGID=true', 'tar')).status).toBe(200);
    return engine.calls.at(-2);
  };
  const web = engine.all.get('shop-web-1')!;
  engine.all.set('shop-web-1', { ...web, spec: { ...web.spec, user: '' } });
  const asRoot = await put();
  engine.all.set('shop-web-1', { ...web, spec: { ...web.spec, user: 'nobody' } });
  expect([asRoot, await put()]).toEqual([expect.stringContaining('"owner":""'), expect.stringContaining('"owner":"nobody"')]);
});

test('a container whose namespaces another is to share is kept by its ID, as with docker', async () => {
  const { id } = engine.container('shop-web-1').status ?? {};
  const modes = { NetworkMode: 'container:shop-web-1', PidMode: 'container:shop-web-1', IpcMode: 'container:shop-web-1' };
  expect((await call('POST', '/containers/create?name=beside', JSON.stringify({ Image: 'nginx:1', HostConfig: modes }))).status).toBe(201);
  expect(JSON.parse(/^create beside (.*)$/.exec(engine.calls.at(-1) ?? '')?.[1] ?? '')).toMatchObject({ networkMode: `container:${id}`, namespaces: { pid: `container:${id}`, ipc: `container:${id}` } });
});

test('who looks for a swarm is told that there is none, as by Docker', async () => {
  for (const path of ['/swarm', '/v1.47/nodes', '/services', '/services/a/logs', '/tasks', '/secrets/a', '/configs']) expect(await call('GET', path), path).toMatchObject({ status: 503, body: expect.stringContaining('This node is not a swarm manager') });
  expect((await call('POST', '/swarm/leave?force=1')).status).toBe(503);
  expect((await call('POST', '/swarm/init', '{}')).status).toBe(501);
});

test('stopping the engine takes the socket away before it answers', async () => {
  const { status } = await call('POST', '/engine/stop');
  expect([status, engine.closed]).toEqual([200, true]);
  expect(() => statSync(socket)).toThrow('ENOENT');
  const next = createServer();
  await serve(next, socket);
  next.close();
});

test('an image is reached by a name with slashes, and by what is to be done with it', async () => {
  expect(JSON.parse((await call('GET', '/images/docker.io/library/nginx:1/json')).body)).toMatchObject({ Id: IMAGE.id, RepoTags: ['nginx:1'], Author: 'somebody', Metadata: { LastTagTime: '2023-11-14T22:15:00.000Z' }, RootFS: { Layers: [`sha256:${'c'.repeat(64)}`] } });
  expect(JSON.parse((await call('GET', '/v1.44/images/nginx:1/history')).body)).toMatchObject([{ Id: IMAGE.id, CreatedBy: 'CMD serve', Size: 0, Tags: ['nginx:1'] }, { Id: '<missing>', CreatedBy: 'ADD file', Size: 1234 }]);
  expect((await call('POST', '/images/a/b/tag?repo=localhost:5000/x&tag=2')).status).toBe(201);
  expect((await call('DELETE', '/images/localhost:5000/x:2?force=1')).body).toBe(`${JSON.stringify([{ Untagged: 'nginx:1' }, { Deleted: IMAGE.id }])}\n`);
  expect(engine.calls).toEqual(['tag a/b localhost:5000/x:2', 'remove image localhost:5000/x:2 force=true']);
  expect(await call('POST', '/images/a/b/nosuch')).toMatchObject({ status: 404, body: expect.stringContaining('page not found: POST /images/a/b/nosuch') });
  expect((await call('POST', '/images/a/b/tag')).status).toBe(400);
});

test('save streams the archive of all that are asked for', async () => {
  expect(await call('GET', '/images/get?names=a:1&names=b:1')).toMatchObject({ status: 200, body: 'archive of a:1 b:1', headers: { 'content-type': 'application/x-tar' } });
  expect((await call('GET', '/images/a/b/get')).body).toBe('archive of a/b');
  expect((await call('GET', '/images/get')).status).toBe(400);
});

test('prune takes nameless images alone unless it is told otherwise', async () => {
  const prune = async (filters: object): Promise<unknown> => JSON.parse((await call('POST', `/images/prune?filters=${encodeURIComponent(JSON.stringify(filters))}`)).body);
  expect(await prune({})).toEqual({ ImagesDeleted: null, SpaceReclaimed: 0 });
  expect(await prune({ dangling: { false: true } })).toEqual({ ImagesDeleted: [{ Untagged: 'nginx:1' }, { Deleted: IMAGE.id }], SpaceReclaimed: 1234 });
  expect(await prune({ dangling: ['0'], until: ['2001-01-01T00:00:00Z'] })).toEqual({ ImagesDeleted: null, SpaceReclaimed: 0 });
});

test('disk usage of each kind', async () => {
  expect(JSON.parse((await call('GET', '/system/df')).body)).toMatchObject({
    LayersSize: 1234, Images: [{ Id: IMAGE.id, SharedSize: 0, Containers: 2 }], Containers: [{ SizeRw: 77, SizeRootFs: 1311 }, {}], Volumes: [{ Name: 'shop_data', UsageData: { Size: 99, RefCount: 0 } }], BuildCache: [],
  });
  expect(JSON.parse((await call('GET', '/system/df?type=image')).body)).toMatchObject({ Images: [{}], Containers: null, Volumes: null });
});

test.each(['../../evil', 'a/b', 'a\nb', 'ab\n', '\x1b[2J', '.', '..', '-x', 'a\0b', 'ä', '', 'a b'])('a container is given no hostile name, and the engine is not asked (%j)', async (name) => {
  const { status, body } = await call('POST', `/containers/shop-web-1/rename?name=${encodeURIComponent(name)}`);
  expect([status, JSON.parse(body).message]).toEqual([400, expect.stringContaining('Invalid container name')]);
  expect(engine.calls.filter((made) => made.startsWith('rename'))).toEqual([]);
});

test('a version of the API that is not spoken is refused in Docker\'s words', async () => {
  for (const [version, message] of [
    ['9.99', 'client version 9.99 is too new. Maximum supported API version is 1.51'], ['1.52', 'client version 1.52 is too new. Maximum supported API version is 1.51'],
    ['1.23', 'client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version'],
  ] as const) expect(await call('GET', `/v${version}/info`)).toMatchObject({ status: 400, body: expect.stringContaining(message) });
  expect(await call('GET', '/v1.24/version')).toMatchObject({ status: 200 });
});

test.each([
  ['POST', '/containers/create', '{}', 400, 'config cannot be empty in order to create a container'],
  ['POST', '/containers/create', JSON.stringify({ Image: 'nginx:1', HostConfig: { Mounts: [{ Type: 'volume', Source: 'x' }] } }), 400, 'field Target must not be empty'],
  ['POST', '/containers/create', JSON.stringify({ Image: 'nginx:1', HostConfig: { Mounts: [{ Type: 'bind', Source: '/x', Target: '/y', VolumeOptions: {} }] } }), 400, 'field VolumeOptions must not be specified'],
  ['POST', '/containers/create', JSON.stringify({ Image: 'nginx:1', HostConfig: { Binds: ['/x:/y'], Tmpfs: { '/y': '' } } }), 400, 'Duplicate mount point: /y'],
  ['POST', '/containers/create', JSON.stringify({ Image: 'nginx:1', HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 'aa80' }] } } }), 400, 'invalid port specification: \\"aa80\\"'],
  ['POST', '/containers/create', JSON.stringify({ Image: 'nginx:1', HostConfig: { CpuPeriod: -3 } }), 400, 'CPU cfs period can not be less than 1ms'],
  ['POST', '/containers/shop-web-1/exec', '{"Cmd":null}', 400, 'No exec command specified'],
  ['POST', '/networks/create', '{"Name":"bridge"}', 403, 'operation is not permitted on predefined bridge network'],
  ['GET', '/images/json?filters=%7B%22dangling%22%3A%5B%22maybe%22%5D%7D', undefined, 400, 'invalid filter \'dangling=[maybe]\''],
  ['GET', '/events?since=20&until=10', undefined, 400, '`since` time (20) cannot be after `until` time (10)'],
  ['OPTIONS', '/anything', undefined, 200, ''],
])('%s %s with %j is answered as by Docker', async (method, path, body, status, text) => {
  expect(await call(method, path, body)).toMatchObject({ status, body: expect.stringContaining(text) });
});

test('what Docker shows for what was not asked for is shown', async () => {
  const { Config, ExecIDs } = JSON.parse((await call('GET', '/containers/shop-db-1/json')).body) as { Config: Record<string, unknown>; ExecIDs: unknown };
  expect([Config['Volumes'], Config['StopTimeout'], ExecIDs]).toEqual([null, undefined, null]);
});
