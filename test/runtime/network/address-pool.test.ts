import { expect, test } from 'vitest';
import { AddressPool } from '../../../src/runtime/network/address-pool.ts';
import { subnetOf } from '../../../src/runtime/network/ipam.ts';
import type { IpamPool } from '../../../src/state/network.ts';
import { pool } from '../../spec-values.ts';

const addresses = (...pools: readonly Partial<IpamPool>[]): AddressPool => new AddressPool('a', pools.map((one) => subnetOf('a', pool(one))));

test('gives in a circle, never the network, the broadcast, the gateway or an auxiliary address', () => {
  const small = addresses({ subnet: '10.9.0.0/29', gateway: '10.9.0.1', auxAddresses: { router: '10.9.0.4' } });
  expect(['a', 'b', 'c', 'd'].map((owner) => small.allocate(owner, null))).toEqual(['10.9.0.2', '10.9.0.3', '10.9.0.5', '10.9.0.6']);
  expect(() => small.allocate('f', null)).toThrowError(expect.objectContaining({ code: 'addresses-exhausted', message: expect.stringContaining('10.9.0.0/29') }));
  small.release('b');
  small.release('d');
  expect([small.allocate('f', null), small.allocate('g', null)]).toEqual(['10.9.0.3', '10.9.0.6']);
});

test('one just released is the last to be given again', () => {
  const large = addresses({ subnet: '10.9.0.0/24', gateway: '10.9.0.1' });
  expect(large.allocate('a', null)).toBe('10.9.0.2');
  large.release('a');
  expect(large.allocate('b', null)).toBe('10.9.0.3');
});

test('an owner keeps its address, and may ask for one', () => {
  const large = addresses({ subnet: '10.9.0.0/24', gateway: '10.9.0.1', ipRange: '10.9.0.64/26' });
  expect(large.allocate('a', null)).toBe('10.9.0.64');
  expect(large.allocate('a', null)).toBe('10.9.0.64');
  expect(large.allocate('a', '10.9.0.9')).toBe('10.9.0.9');
  expect(large.allocate('b', '10.9.0.64')).toBe('10.9.0.64');
  expect(large.owners).toEqual(['a', 'b']);
  expect(() => large.allocate('c', '10.9.0.9')).toThrowError(expect.objectContaining({ code: 'address-taken', message: expect.stringContaining('belongs to a') }));
  for (const wrong of ['10.9.0.0', '10.9.0.255', '10.8.0.1', 'x']) expect(() => large.allocate('c', wrong)).toThrowError(expect.objectContaining({ code: 'bad-request' }));
  expect(() => large.allocate('c', '10.9.0.1')).toThrow('the gateway');
});

test('IPv6, and a second subnet where the first is full', () => {
  const six = addresses({ subnet: 'fd00::/126', gateway: 'fd00::1' }, { subnet: 'fd01::/64', gateway: 'fd01::1' });
  expect(['a', 'b', 'c'].map((owner) => six.allocate(owner, null))).toEqual(['fd00::2', 'fd01::2', 'fd01::3']);
  expect(six.allocate('d', 'FD01:0::ff')).toBe('fd01::ff');
});
