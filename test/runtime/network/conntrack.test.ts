import { expect, test } from 'vitest';
import { forgetUdpFlows, readFlow } from '../../../src/runtime/network/conntrack.ts';
import { attribute, HEADER_BYTES, nested } from '../../../src/runtime/network/netlink.ts';
import { FakeKernel } from '../../fake-kernel.ts';

function tuple(type: number, from: readonly number[], to: readonly number[], protocol: number, port: number): Buffer {
  return nested(type, nested(1, attribute(1, Buffer.from(from)), attribute(2, Buffer.from(to))), nested(2, attribute(1, Buffer.from([protocol])), attribute(3, Buffer.from([port >> 8, port & 255]))));
}
function flow(protocol: number, port: number, backend: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from([2, 0, 0, 0]), tuple(1, [10, 0, 0, 1], [10, 0, 0, 2], protocol, port), tuple(2, backend, [10, 0, 0, 1], protocol, 9), attribute(12, Buffer.from([0, 0, 0, port]))]);
}

test('a flow is read with where it really goes', () => {
  expect(readFlow(flow(17, 53, [172, 17, 0, 2]))).toMatchObject({ protocol: 17, to: '10.0.0.2', port: 53, answersFrom: '172.17.0.2' });
});

test('only the UDP flows that are stale are forgotten', async () => {
  const kernel = new FakeKernel();
  const flows = [flow(17, 53, [172, 17, 0, 2]), flow(17, 53, [172, 17, 0, 3]), flow(6, 53, [172, 17, 0, 2])];
  kernel.answers.netlink = async (_netns, messages) => messages.map((_, index) => ({ errno: 0, message: '', payloads: index === 0 && kernel.of('netlink').length === 1 ? flows : [] }));
  await forgetUdpFlows(kernel, (one) => one.answersFrom === '172.17.0.2');
  const [, deletion] = kernel.of('netlink');
  expect(deletion?.[2]).toBe(12);
  const messages = deletion?.[1] as readonly Buffer[];
  expect(messages).toHaveLength(1);
  expect(messages[0]?.readUInt16LE(4)).toBe(0x102);
  expect(messages[0]?.subarray(HEADER_BYTES + 4).includes(Buffer.from([0, 0, 0, 53]))).toBe(true);
});
