import { expect, it } from 'vitest';
import { isHardwareAddress } from '../../src/state/hardware-address.ts';

it.each([
  ['02:42:ac:11:00:02', true], ['02-42-AC-11-00-02', true], ['00:00:00:00:00:01', true], ['00:00:00:00:00:00', false], ['01:00:5e:00:00:01', false], ['ff:ff:ff:ff:ff:ff', false], ['02:42:ac:11:00', false], ['zz:42:ac:11:00:02', false],
])('%s is one of a single station: %s', (text, is) => {
  expect(isHardwareAddress(text)).toBe(is);
});
