import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Address, addressFromBytes, addressOf, addressText, bytesOf, cidrAt, cidrOf, cidrText, contains, overlaps } from '../../src/state/cidr.ts';

const four = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((bits): Address => ({ family: 4, bits }));
const six = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((bits): Address => ({ family: 6, bits }));
const address = fc.oneof(four, six);
const cidr = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([at, prefix]) => cidrAt(at, prefix));

test('text, bytes and number of an address are the same thing', () => {
  fc.assert(fc.property(address, (value) => {
    expect(addressOf(addressText(value))).toEqual(value);
    expect(addressFromBytes(bytesOf(value))).toEqual(value);
  }));
  expect(addressText({ family: 4, bits: 0xac110001n })).toBe('172.17.0.1');
  expect(addressText({ family: 6, bits: 1n })).toBe('::1');
});

test.each([['FD00:0:0::1', 'fd00::1'], ['::', '::'], ['::ffff:10.0.0.1', '::ffff:a00:1'], ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'], ['fe80::', 'fe80::']])('%s is %s', (text, canonical) => {
  const read = addressOf(text);
  expect(read === null ? null : addressText(read)).toBe(canonical);
});

test.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.x', '1.2.3.4/8', ':::', '1::2::3', 'fe80::1%eth0', '1:2:3'])('%j is no address', (text) => {
  expect(addressOf(text)).toBeNull();
});

test('a network is read with the bits below its prefix cleared', () => {
  expect(cidrText(cidrOf('10.9.3.7/16', 'x'))).toBe('10.9.0.0/16');
  expect(cidrText(cidrOf('fd00:9::7:1/64', 'x'))).toBe('fd00:9::/64');
  expect(cidrOf('255.255.255.255/32', 'x')).toEqual({ family: 4, first: 0xffffffffn, last: 0xffffffffn, prefix: 32 });
  expect(cidrOf('0.0.0.0/0', 'x').last).toBe(2n ** 32n - 1n);
});

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/8/8', 'x/8', '10.0.0.0/', 'fd00::/129'])('%j is no network', (text) => {
  expect(() => cidrOf(text, 'network a: subnet')).toThrowError(expect.objectContaining({ code: 'bad-request', message: expect.stringContaining('network a: subnet') }));
});

test('two networks overlap exactly where one holds the first address of the other', () => {
  const first = ({ family, first: bits }: typeof cidr extends fc.Arbitrary<infer C> ? C : never): Address => ({ family, bits });
  fc.assert(fc.property(cidr, cidr, (a, b) => { expect(overlaps(a, b)).toBe(contains(a, first(b)) || contains(b, first(a))); }));
});

test.each([
  ['10.9.0.7/32', '10.9.0.7/32', true],
  ['10.9.0.0/24', '10.9.0.255/32', true],
  ['10.9.0.0/24', '10.9.0.0/32', true],
  ['10.9.0.0/24', '10.9.1.0/24', false],
  ['10.9.1.0/32', '10.9.0.0/24', false],
  ['fd00::7/128', 'fd00::7/128', true],
  ['0.0.0.0/0', '::/0', false],
])('%s and %s overlap: %s', (a, b, overlap) => {
  expect([overlaps(cidrOf(a, 'a'), cidrOf(b, 'b')), overlaps(cidrOf(b, 'b'), cidrOf(a, 'a'))]).toEqual([overlap, overlap]);
});
