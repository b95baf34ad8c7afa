import { expect, test } from 'vitest';
import { attribute } from '../../../src/runtime/network/netlink.ts';
import { rulesetGeneration } from '../../../src/runtime/network/ruleset-generation.ts';
import { FakeKernel } from '../../fake-kernel.ts';

test("the ruleset's number is asked of nf_tables, and read", async () => {
  const kernel = new FakeKernel();
  kernel.answers.netlink = async () => [{ errno: 0, message: '', payloads: [Buffer.concat([Buffer.alloc(4), attribute(1, Buffer.from([0, 0, 1, 5]))])] }];
  expect(await rulesetGeneration(kernel)).toBe(261);
  const [[, messages, protocol] = []] = kernel.of('netlink');
  expect(protocol).toBe(12);
  expect((messages as readonly Buffer[])[0]?.readUInt16LE(4)).toBe(0xa10);
});
