import { expect, test } from 'vitest';
import { KernelError } from '../../../src/runtime/kernel.ts';
import { PublishedPorts } from '../../../src/runtime/network/published-ports.ts';
import type { PublishedPort } from '../../../src/state/container.ts';
import { FakeKernel } from '../../fake-kernel.ts';

const tcp = (target: number, published: number | null, hostIp = ''): PublishedPort => ({ hostIp, published, target, protocol: 'tcp' });
function world(): { kernel: FakeKernel; ports: PublishedPorts } {
  const kernel = new FakeKernel();
  return { kernel, ports: new PublishedPorts(kernel, 0, (id) => `name-of-${id}`) };
}
const backends = (ports: PublishedPorts): readonly string[] => [...ports.table.values()].map((one) => `${one.hostIp}:${one.port}/${one.protocol} ${one.backends.map((to) => `${to.address}:${to.port}`).join(' ')}`);

test('a port is reserved while it leads somewhere, and given back after its rule', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', address: '10.0.0.2', ports: [tcp(80, 8080), tcp(81, 8081, '127.0.0.1')] });
  expect(kernel.of('reservePort')).toEqual([['tcp', '0.0.0.0', 8080], ['tcp', '127.0.0.1', 8081]]);
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80', '127.0.0.1:8081/tcp 10.0.0.2:81']);
  const { release } = await ports.assign({ container: 'a', address: '10.0.0.2', ports: [tcp(81, 8081, '127.0.0.1')] });
  expect(kernel.of('close')).toEqual([]);
  release();
  expect(kernel.of('close')).toEqual([[100]]);
  expect(backends(ports)).toEqual(['127.0.0.1:8081/tcp 10.0.0.2:81']);
});

test('a picked port stays the same for the same container', async () => {
  const { ports } = world();
  const first = await ports.assign({ container: 'a', address: '10.0.0.2', ports: [tcp(80, null), tcp(80, null)] });
  expect(first.ports.map((port) => port.published)).toEqual([49152, 49153]);
  const again = await ports.assign({ container: 'a', address: '10.0.0.9', ports: [tcp(80, null), tcp(80, null)] });
  expect(again.ports).toEqual(first.ports);
  const other = await ports.assign({ container: 'b', address: '10.0.0.3', ports: [tcp(80, null)] });
  expect(other.ports[0]?.published).toBe(49154);
});

test('picking goes past ports that others have', async () => {
  const { kernel, ports } = world();
  kernel.answers.reservePort = (_protocol, _ip, port) => {
    if (port < 49160) throw new KernelError('bind', 'EADDRINUSE', `0.0.0.0:${port}`);
    return { fd: 7, port };
  };
  const { ports: [picked] } = await ports.assign({ container: 'a', address: '10.0.0.2', ports: [tcp(80, null)] });
  expect(picked?.published).toBe(49160);
});

test('one group shares a port, another one is refused, and nothing has changed then', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', group: 's/web', address: '10.0.0.2', ports: [tcp(80, 8080)] });
  await ports.assign({ container: 'b', group: 's/web', address: '10.0.0.3', ports: [tcp(80, 8080)] });
  expect(backends(ports)).toEqual([':8080/tcp 10.0.0.2:80 10.0.0.3:80']);
  const before = ports.table;
  await expect(ports.assign({ container: 'c', group: 't/web', address: '10.0.0.4', ports: [tcp(1, 9999), tcp(80, 8080)] })).rejects.toMatchObject({
    code: 'port-taken', message: 'port 0.0.0.0:8080/tcp is taken by container name-of-a, name-of-b; publish another one, or stop what has it',
  });
  expect(ports.table).toEqual(before);
  expect(kernel.of('close')).toHaveLength(1);
  expect(ports.of('c')).toEqual([]);
});

test('an address that covers another one of ours names that container', async () => {
  const { kernel, ports } = world();
  await ports.assign({ container: 'a', address: '10.0.0.2', ports: [tcp(80, 8080)] });
  kernel.answers.reservePort = () => { throw new KernelError('bind', 'EADDRINUSE', ''); };
  await expect(ports.assign({ container: 'b', address: '10.0.0.3', ports: [tcp(80, 8080, '127.0.0.1')] })).rejects.toThrow('127.0.0.1:8080/tcp is taken by container name-of-a');
});

test.each([['::1', 'not supported'], ['10.9.9.9', 'no address 10.9.9.9']])('host address %s: %s', async (hostIp, message) => {
  const { kernel, ports } = world();
  kernel.answers.reservePort = () => { throw new KernelError('bind', 'EADDRNOTAVAIL', ''); };
  await expect(ports.assign({ container: 'b', address: '10.0.0.3', ports: [tcp(80, 8080, hostIp)] })).rejects.toMatchObject({ code: 'bad-request', message: expect.stringContaining(message) });
});

test('a kernel without SCTP has nothing to reserve', async () => {
  const { kernel, ports } = world();
  kernel.answers.reservePort = () => { throw new KernelError('socket', 'EPROTONOSUPPORT', ''); };
  await ports.assign({ container: 'a', address: '10.0.0.2', ports: [{ hostIp: '', published: 3868, target: 3868, protocol: 'sctp' }] });
  ports.clear();
  expect(kernel.of('close')).toEqual([]);
  expect(ports.table.size).toBe(0);
});
