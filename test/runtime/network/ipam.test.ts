import { describe, expect, test } from 'vitest';
import { addressText, type Cidr, cidrOf, cidrText } from '../../../src/runtime/network/cidr.ts';
import { AddressPool, chooseSubnet, subnetOf } from '../../../src/runtime/network/ipam.ts';
import type { Ipam } from '../../../src/state/network.ts';

const any: Ipam = { subnet: '', gateway: '', ipRange: '' };
const cidr = (text: string): Cidr => cidrOf(text, 'test');
const own = (...texts: readonly string[]): ReadonlyMap<string, Cidr> => new Map(texts.map((text, index) => [`n${index}`, cidr(text)]));

describe('chooseSubnet', () => {
  test("takes Docker's pools in order, past what is taken", () => {
    expect(cidrText(chooseSubnet('a', any, own(), [], 0).subnet)).toBe('172.17.0.0/16');
    expect(cidrText(chooseSubnet('a', any, own('172.17.0.0/16'), [cidr('172.18.4.0/24')], 0).subnet)).toBe('172.19.0.0/16');
    expect(cidrText(chooseSubnet('a', any, own(), [cidr('172.16.0.0/12')], 0).subnet)).toBe('192.168.0.0/20');
    expect(addressText(chooseSubnet('a', any, own(), [], 0).gateway)).toBe('172.17.0.1');
  });

  test('another offset begins elsewhere, and goes round', () => {
    expect(cidrText(chooseSubnet('a', any, own(), [], 3).subnet)).toBe('172.20.0.0/16');
    expect(cidrText(chooseSubnet('a', any, own('192.168.240.0/20'), [], 30).subnet)).toBe('172.17.0.0/16');
  });

  test('says so when none is left', () => {
    expect(() => chooseSubnet('a', any, own(), [cidr('172.16.0.0/12'), cidr('192.168.0.0/16')], 7)).toThrowError(expect.objectContaining({ code: 'subnet-taken' }));
  });

  test('a subnet that was asked for is kept, with its gateway and range', () => {
    const subnet = chooseSubnet('a', { subnet: '10.9.0.0/24', gateway: '10.9.0.254', ipRange: '10.9.0.128/25' }, own(), [cidr('10.0.0.0/8')], 0);
    expect([cidrText(subnet.subnet), addressText(subnet.gateway), cidrText(subnet.range)]).toEqual(['10.9.0.0/24', '10.9.0.254', '10.9.0.128/25']);
    expect(subnetOf('a', { ...any, ipRange: '10.9.0.128/25' }, { subnet: '10.9.0.0/24', gateway: '10.9.0.254' })).toEqual(subnet);
  });

  test.each<[Partial<Ipam>, string]>([
    [{ subnet: '10.9.0.0/24' }, 'overlaps with 10.9.0.0/16 of network n0'], [{ subnet: '10.8.0.0/31' }, '8 to 30'],
    [{ subnet: '10.8.0.0/24', gateway: '10.7.0.1' }, 'gateway "10.7.0.1"'], [{ subnet: '10.8.0.0/24', ipRange: '10.8.1.0/25' }, 'ip_range 10.8.1.0/25'], [{ subnet: 'fd00::/64' }, 'not an IPv4 network'],
  ])('%j is refused: %s', (ipam, message) => {
    expect(() => chooseSubnet('a', { ...any, ...ipam }, own('10.9.0.0/16'), [], 0)).toThrow(message);
  });
});

describe('AddressPool', () => {
  const pool = (subnet: string, ipRange = ''): AddressPool => new AddressPool('a', chooseSubnet('a', { ...any, subnet, ipRange }, own(), [], 0));

  test('gives in a circle, never the network, the broadcast or the gateway', () => {
    const small = pool('10.9.0.0/29');
    const given = ['a', 'b', 'c', 'd', 'e'].map((owner) => small.allocate(owner, null));
    expect(given).toEqual(['10.9.0.2', '10.9.0.3', '10.9.0.4', '10.9.0.5', '10.9.0.6']);
    expect(() => small.allocate('f', null)).toThrowError(expect.objectContaining({ code: 'addresses-exhausted' }));
    small.release('b');
    small.release('d');
    expect([small.allocate('f', null), small.allocate('g', null)]).toEqual(['10.9.0.3', '10.9.0.5']);
  });

  test('one just released is the last to be given again', () => {
    const large = pool('10.9.0.0/24');
    expect(large.allocate('a', null)).toBe('10.9.0.2');
    large.release('a');
    expect(large.allocate('b', null)).toBe('10.9.0.3');
  });

  test('an owner keeps its address, and may ask for one', () => {
    const large = pool('10.9.0.0/24', '10.9.0.64/26');
    expect(large.allocate('a', null)).toBe('10.9.0.64');
    expect(large.allocate('a', null)).toBe('10.9.0.64');
    expect(large.allocate('a', '10.9.0.9')).toBe('10.9.0.9');
    expect(large.allocate('b', '10.9.0.64')).toBe('10.9.0.64');
    expect(large.owners).toEqual(['a', 'b']);
    expect(() => large.allocate('c', '10.9.0.9')).toThrowError(expect.objectContaining({ code: 'address-taken', message: expect.stringContaining('belongs to a') }));
    for (const wrong of ['10.9.0.0', '10.9.0.255', '10.8.0.1', 'x']) expect(() => large.allocate('c', wrong)).toThrowError(expect.objectContaining({ code: 'bad-request' }));
    expect(() => large.allocate('c', '10.9.0.1')).toThrow('the gateway');
  });
});
