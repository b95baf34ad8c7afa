import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressOf, addressText, cidrAt, cidrOf, cidrText, contains, overlaps } from '../../../src/runtime/network/cidr.ts';

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const cidr = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([at, prefix]) => cidrAt(at, prefix));

test('text and number of an address are the same thing', () => {
  fc.assert(fc.property(address, (value) => { expect(addressOf(addressText(value))).toBe(value); }));
  expect(addressText(0xac110001)).toBe('172.17.0.1');
});

test.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.x', '::1', '1.2.3.4/8'])('%j is no address', (text) => {
  expect(addressOf(text)).toBeNull();
});

test('a network is read with the bits below its prefix cleared', () => {
  expect(cidrText(cidrOf('10.9.3.7/16', 'x'))).toBe('10.9.0.0/16');
  expect(cidrOf('255.255.255.255/32', 'x')).toEqual({ first: 0xffffffff, last: 0xffffffff, prefix: 32 });
  expect(cidrOf('0.0.0.0/0', 'x').last).toBe(2 ** 32 - 1);
});

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/8/8', 'x/8', '10.0.0.0/'])('%j is no network', (text) => {
  expect(() => cidrOf(text, 'network a: subnet')).toThrowError(expect.objectContaining({ code: 'bad-request', message: expect.stringContaining('network a: subnet') }));
});

test('two networks overlap exactly where one holds the first address of the other', () => {
  fc.assert(fc.property(cidr, cidr, (a, b) => { expect(overlaps(a, b)).toBe(contains(a, b.first) || contains(b, a.first)); }));
});
