import { expect, test } from 'vitest';
import { hostIpsOverlap } from '../../src/state/host-ip.ts';

test.each([
  ['', '', true], ['', '0.0.0.0', true], ['', '::', true], ['', '127.0.0.1', true], ['', '::1', true],
  ['0.0.0.0', '0.0.0.0', true], ['0.0.0.0', '127.0.0.1', true], ['0.0.0.0', '::', false], ['0.0.0.0', '::1', false],
  ['::', '::', true], ['::', '::1', true], ['::', '0:0::0', true], ['::', '127.0.0.1', false],
  ['127.0.0.1', '127.0.0.1', true], ['127.0.0.1', '127.0.0.2', false], ['::1', '0:0::1', true], ['::1', '::2', false], ['::1', '127.0.0.1', false],
])('"%s" and "%s": %s', (one, other, expected) => {
  expect(hostIpsOverlap(one, other)).toBe(expected);
  expect(hostIpsOverlap(other, one)).toBe(expected);
});
