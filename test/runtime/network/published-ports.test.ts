import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { KernelError } from '../../../src/runtime/kernel.ts';
import type { Addresses } from '../../../src/runtime/network/networks.ts';
import { PortCarriers } from '../../../src/runtime/network/port-carriers.ts';
import { PublishedPorts } from '../../../src/runtime/network/published-ports.ts';
import type { PublishedPort } from '../../../src/state/container.ts';
import { FakeKernel } from '../../fake-kernel.ts';
import { publishedPort } from '../../spec-values.ts';

const folder = mkdtempSync(join(tmpdir(), 'bayplan-carriers-'));
afterAll(() => rmSync(folder, { recursive: true }));

const at = (ipv4: string, ipv6 = ''): Addresses => ({ ipv4, ipv6 });

const tcp = (target: number, published: number | null, hostIp = ''): PublishedPort => publishedPort({ hostIp, published, target });
function world(): { kernel: FakeKernel; ports: PublishedPorts } {
  const kernel = new FakeKernel();
  return { kernel, ports: new PublishedPorts(kernel, 0, (id) => `name-of-${id}`, new PortCarriers(kernel, '/core', folder)) };
}
const backends = (ports: PublishedPorts): readonly string[] => [...ports.table.values()].map((one) => `${one.hostIp}:${one.port}/${one.protocol} ${one.backends.map((to) => `${to.address}:${to.port}`).join(' ')}`);

test('a port is reserved while it leads somewhere, and given back after its rule', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', ports: [tcp(80, 8080), tcp(81, 8081, '127.0.0.1')] }, at('10.0.0.2'), true);
  expect(kernel.of('reservePort')).toEqual([['tcp', '0.0.0.0', 8080], ['tcp', '127.0.0.1', 8081]]);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80', '127.0.0.1:8081/tcp 10.0.0.2:81']);
  const { release } = await ports.assign({ container: 'a', ports: [tcp(81, 8081, '127.0.0.1')] }, at('10.0.0.2'), true);
  expect(kernel.of('close')).toEqual([]);
  await release();
  expect(kernel.of('close')).toEqual([[100]]);
  expect(backends(ports)).toEqual(['127.0.0.1:8081/tcp 10.0.0.2:81']);
});

test('a picked port stays the same for the same container', async () => {
  const { ports } = world();
  const first = await ports.assign({ container: 'a', ports: [tcp(80, null), tcp(80, null)] }, at('10.0.0.2'), true);
  expect(first.ports.map((port) => port.published)).toEqual([49152, 49153]);
  const again = await ports.assign({ container: 'a', ports: [tcp(80, null), tcp(80, null)] }, at('10.0.0.9'), true);
  expect(again.ports).toEqual(first.ports);
  const other = await ports.assign({ container: 'b', ports: [tcp(80, null)] }, at('10.0.0.3'), true);
  expect(other.ports[0]?.published).toBe(49154);
});

test('a port outside the range that is asked for now is let go', async () => {
  const { ports } = world();
  const range = (published: number, publishedLast: number): PublishedPort => publishedPort({ published, publishedLast, target: 80 });
  const of = async (...asked: PublishedPort[]): Promise<unknown> => (await ports.assign({ container: 'a', ports: asked }, at('10.0.0.2'), true)).ports.map(({ published }) => published);
  expect(await of(tcp(80, 8080))).toEqual([8080]);
  expect(await of(range(8090, 8092))).toEqual([8090]);
  expect(await of(range(8089, 8091))).toEqual([8090]);
  expect(await of(range(8091, 8092))).toEqual([8091]);
  expect(await of(tcp(80, null))).toEqual([8091]);
});

test('picking goes past ports that others have', async () => {
  const { kernel, ports } = world();
  kernel.answers.reservePort = (_protocol, _ip, port) => {
    if (port < 49160) throw new KernelError('bind', 'EADDRINUSE', `0.0.0.0:${port}`);
    return { fd: 7, port };
  };
  const { ports: [picked] } = await ports.assign({ container: 'a', ports: [tcp(80, null)] }, at('10.0.0.2'), true);
  expect(picked?.published).toBe(49160);
});

test('one group shares a port, another one is refused, and nothing has changed then', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', group: 's/web', ports: [tcp(80, 8080)] }, at('10.0.0.2'), true);
  await ports.assign({ container: 'b', group: 's/web', ports: [tcp(80, 8080)] }, at('10.0.0.3'), true);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80 10.0.0.3:80']);
  const before = ports.table;
  await expect(ports.assign({ container: 'c', group: 't/web', ports: [tcp(1, 9999), tcp(80, 8080)] }, at('10.0.0.4'), true)).rejects.toMatchObject({
    code: 'port-taken', message: 'port 0.0.0.0:8080/tcp is taken by container name-of-a, name-of-b; publish another one, or stop what has it',
  });
  expect(ports.table).toEqual(before);
  expect(kernel.of('close')).toHaveLength(1);
  expect(ports.of('c')).toEqual([]);
});

test('an address that covers another one of ours names that container', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', ports: [tcp(80, 8080)] }, at('10.0.0.2'), true);
  kernel.answers.reservePort = () => { throw new KernelError('bind', 'EADDRINUSE', ''); };
  await expect(ports.assign({ container: 'b', ports: [tcp(80, 8080, '127.0.0.1')] }, at('10.0.0.3'), true)).rejects.toThrow('127.0.0.1:8080/tcp is taken by container name-of-a');
});

test.each([['x', 'is no IP address'], ['::1', 'no address ::1'], ['10.9.9.9', 'no address 10.9.9.9']])('host address %s: %s', async (hostIp, message) => {
  const { kernel, ports } = world();
  kernel.answers.reservePort = () => { throw new KernelError('bind', 'EADDRNOTAVAIL', ''); };
  await expect(ports.assign({ container: 'b', ports: [tcp(80, 8080, hostIp)] }, at('10.0.0.3'), true)).rejects.toMatchObject({ code: 'bad-request', message: expect.stringContaining(message) });
});

test('a kernel without SCTP says so', async () => {
  const { kernel, ports } = world();
  kernel.answers.reservePort = () => { throw new KernelError('socket', 'EPROTONOSUPPORT', ''); };
  await expect(ports.assign({ container: 'a', ports: [publishedPort({ published: 3868, target: 3868, protocol: 'sctp' })] }, at('10.0.0.2'), true)).rejects.toThrow('port 0.0.0.0:3868/sctp: this kernel has no SCTP');
  expect(ports.table.size).toBe(0);
});

test('a port that several share leads to those that are ready, and where none is to all', async () => {
  const { ports } = world();
  await ports.assign({ container: 'a', group: 'g', ports: [tcp(80, 8080)] }, at('10.0.0.2'), true);
  await ports.assign({ container: 'b', group: 'g', ports: [tcp(80, 8080)] }, at('10.0.0.3'), false);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80']);
  expect(ports.setReady('b', true)).toBe(true);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80 10.0.0.3:80']);
  ports.setReady('a', false);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.3:80']);
  ports.setReady('b', false);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80 10.0.0.3:80']);
  await ports.assign({ container: 'b', ports: [] }, at('10.0.0.3'), true);
  expect(ports.setReady('a', true)).toBe(false);
  expect(ports.setReady('c', true)).toBe(false);
});

test('a container with IPv6 has its port in both families, one without in IPv4 alone', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', group: 'g', ports: [tcp(80, 8080)] }, at('10.0.0.2'), true);
  await ports.assign({ container: 'b', group: 'g', ports: [tcp(80, 8080)] }, at('10.0.0.3', 'fd00::3'), true);
  expect(kernel.of('reservePort')).toEqual([['tcp', '0.0.0.0', 8080], ['tcp', '::', 8080]]);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80 10.0.0.3:80', ':8080/tcp fd00::3:80']);
  ports.leaveBehind();
  expect(kernel.of('close')).toHaveLength(2);
});

test('on an IPv6 address a container without IPv6 is carried to', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', ports: [tcp(80, 8080, '0:0::1')] }, at('10.0.0.2'), true);
  expect(kernel.of('reservePort')).toEqual([['tcp', '::1', 8080]]);
  expect(backends(ports)).toEqual(['::1:8080/tcp ']);
});

test('of a range each container takes the next free port', async () => {
  const { kernel, ports } = world();
  kernel.answers.reservePort = (_protocol, _ip, port) => {
    if (port === 8001) throw new KernelError('bind', 'EADDRINUSE', '');
    return { fd: port, port };
  };
  const range = [publishedPort({ published: 8000, publishedLast: 8002 })];
  const take = async (container: string): Promise<number | null | undefined> => (await ports.assign({ container, group: 'g', ports: range }, at('10.0.0.2'), true)).ports[0]?.published;
  expect([await take('a'), await take('b'), await take('a')]).toEqual([8000, 8002, 8000]);
  await expect(take('c')).rejects.toThrow('no free tcp port is left between 8000 and 8002; give the service a longer range');
});

test('who may come in is told by family', async () => {
  const { ports } = world();
  await ports.assign({ container: 'a', ports: [publishedPort({ published: 80, allow: ['10.0.0.0/8', 'fd00::/8'] })] }, at('10.0.0.2', 'fd00::2'), true);
  expect([...ports.table.values()].map(({ family, allow }) => [family, allow])).toEqual([[4, ['10.0.0.0/8']], [6, ['fd00::/8']]]);
});

test.each([
  ['0.0.0.0', '[::]', false], ['[::]', '127.0.0.1', false], ['[::]', '[::1]', true], ['[::]', '', false], ['', '[::]', false], ['', '127.0.0.1', true], ['0.0.0.0', '', true],
])('one container on %s and another on %s, both without IPv6: taken %s', async (one, other, taken) => {
  const { ports } = world();
  const port = (hostIp: string): PublishedPort => tcp(80, 8080, hostIp.replace(/[[\]]/gu, ''));
  await ports.assign({ container: 'a', ports: [port(one)] }, at('10.0.0.2'), true);
  const checked = ports.check({ container: 'b', ports: [port(other)] }, false, () => false);
  if (taken) await expect(checked).rejects.toMatchObject({ code: 'port-taken', message: expect.stringContaining('by container name-of-a') });
  else await expect(checked).resolves.toBeUndefined();
});

test('a port of every address is taken in IPv6 too where the container has it', async () => {
  const { ports } = world();
  await ports.assign({ container: 'a', ports: [tcp(80, 8080, '::')] }, at('10.0.0.2'), true);
  await expect(ports.check({ container: 'b', ports: [tcp(80, 8080)] }, true, () => false)).rejects.toThrow('by container name-of-a');
  await ports.assign({ container: 'c', ports: [tcp(80, 8081)] }, at('10.0.0.4', 'fd00::4'), true);
  await expect(ports.check({ container: 'b', ports: [tcp(80, 8081, '::1')] }, false, () => false)).rejects.toThrow('by container name-of-c');
});
