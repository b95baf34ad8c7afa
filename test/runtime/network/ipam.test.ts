import { describe, expect, test } from 'vitest';
import { AddressSpaces } from '../../../src/runtime/network/address-spaces.ts';
import { type Choice, choosePools, subnetOf, type TakenSubnets } from '../../../src/runtime/network/ipam.ts';
import { cidrOf, cidrText } from '../../../src/state/cidr.ts';
import type { IpamPool } from '../../../src/state/network.ts';
import { pool } from '../../spec-values.ts';

const ID = '0123456789abcdef'.repeat(4);
const taken = (own: readonly string[] = [], routes: readonly string[] = []): TakenSubnets => ({
  own: new Map(own.map((text, index) => [`n${index}`, [cidrOf(text, 'test')]])), routes: routes.map((text) => cidrOf(text, 'test')),
});
const choose = (pools: readonly Partial<IpamPool>[], others = taken(), { offset = 0, ipv6 = false, spaces = null }: { readonly offset?: number; readonly ipv6?: boolean; readonly spaces?: Choice['spaces'] } = {}): readonly IpamPool[] =>
  choosePools('a', { ipam: pools.map(pool), ipv6 }, others, { offset, id: ID, spaces });
const subnets = (pools: readonly IpamPool[]): readonly string[] => pools.map(({ subnet }) => subnet);

describe('pools of the engine', () => {
  test("are Docker's, in order, past what is taken", () => {
    expect(choose([])).toEqual([pool({ subnet: '172.17.0.0/16', gateway: '172.17.0.1' })]);
    expect(subnets(choose([], taken(['172.17.0.0/16'], ['172.18.4.0/24'])))).toEqual(['172.19.0.0/16']);
    expect(subnets(choose([], taken([], ['172.16.0.0/12'])))).toEqual(['192.168.0.0/20']);
  });

  test('another offset begins elsewhere, and goes round', () => {
    expect(subnets(choose([], taken(), { offset: 3 }))).toEqual(['172.20.0.0/16']);
    expect(subnets(choose([], taken(['192.168.240.0/20']), { offset: 30 }))).toEqual(['172.17.0.0/16']);
  });

  test('run out in words', () => {
    expect(() => choose([], taken([], ['172.16.0.0/12', '192.168.0.0/16']), { offset: 7 })).toThrowError(expect.objectContaining({ code: 'subnet-taken', message: expect.stringContaining('all 31 address pools overlap') }));
  });

  test('of IPv6 are unique local ones, made from the id', () => {
    expect(choose([], taken(), { ipv6: true })).toEqual([pool({ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }), pool({ subnet: 'fd01:2345:6789:abcd::/64', gateway: 'fd01:2345:6789:abcd::1' })]);
    expect(subnets(choose([], taken([], ['fd01::/16']), { ipv6: true }))[1]).toBe('fdef:123:4567:89ab::/64');
  });
});

describe('pools that somebody has set', () => {
  const spaces = AddressSpaces.parse([{ base: '10.9.0.0/23', size: 24 }, { base: '10.20.0.0/16', size: 16 }, { base: 'fd00:9::/56', size: 64 }]);

  test('are used in their order, past what is taken, whatever the offset', () => {
    expect(choose([], taken(), { spaces, offset: 5, ipv6: true })).toEqual([pool({ subnet: '10.9.0.0/24', gateway: '10.9.0.1' }), pool({ subnet: 'fd00:9::/64', gateway: 'fd00:9::1' })]);
    expect(subnets(choose([], taken(['10.9.0.64/26'], ['fd00:9::/60']), { spaces, ipv6: true }))).toEqual(['10.9.1.0/24', 'fd00:9:0:10::/64']);
    expect(subnets(choose([], taken(['10.9.0.0/24', '10.9.1.0/24']), { spaces }))).toEqual(['10.20.0.0/16']);
  });

  test('run out in words, also those of more subnets than can be tried', () => {
    expect(() => choose([], taken(['10.9.0.0/24'], ['10.9.1.128/25', '10.16.0.0/12']), { spaces })).toThrow("network a: no subnet is left in the engine's default-address-pools (10.9.0.0/23 by /24, 10.20.0.0/16 by /16): all overlap with networks or routes of this host; remove networks, or give it a subnet");
    const vast = AddressSpaces.parse([{ base: 'fd00::/8', size: 120 }]);
    expect(subnets(choose([], taken([], ['fd00::/9', 'fd80::/64']), { spaces: vast, ipv6: true }))).toEqual(['172.17.0.0/16', 'fd80:0:0:1::/120']);
  });

  test.each([
    [[], 'at least one pool'], [[{ base: '10.9.0.0', size: 24 }], '"10.9.0.0" is not a network'], [[{ base: '10.9.0.0/16', size: 8 }], '8: expected a prefix from 16 (that of 10.9.0.0/16) to 30'],
    [[{ base: '10.9.0.0/16', size: 31 }], 'to 30'], [[{ base: 'fd00::/64', size: 128 }], 'from 64 (that of fd00::/64) to 126'], [[{ base: '127.0.0.0/8', size: 24 }], '127.0.0.0/8 is loopback'], [[{ base: '10.9.0.0/16', size: 24, x: 1 }], 'x'],
  ])('%j is refused: %s', (value, message) => {
    expect(AddressSpaces.safeParse(value).error?.message).toContain(JSON.stringify(message).slice(1, -1));
  });
});

describe('a pool that was asked for', () => {
  test('is kept with its gateway, range and auxiliary addresses, and beside others', () => {
    const [first, second, six] = choose([
      { subnet: '10.9.0.0/24', gateway: '10.9.0.254', ipRange: '10.9.0.128/25', auxAddresses: { router: '10.9.0.129' } }, { subnet: '10.10.0.0/24' }, { subnet: 'fd00:9::/64' },
    ], taken([], ['10.0.0.0/8']), { ipv6: true });
    expect([first?.gateway, second?.gateway, six?.gateway]).toEqual(['10.9.0.254', '10.10.0.1', 'fd00:9::1']);
    const read = subnetOf('a', first ?? pool());
    expect([cidrText(read.range), [...read.reserved.values()]]).toEqual(['10.9.0.128/25', ['router (aux_addresses)', 'the gateway']]);
  });

  test('of IPv6 is left out where the network has none', () => {
    expect(subnets(choose([{ subnet: 'fd00:9::/64' }]))).toEqual(['172.17.0.0/16']);
  });

  test.each<[Partial<IpamPool>, string]>([
    [{ subnet: '10.9.0.0/24' }, 'overlaps with 10.9.0.0/16 of network n0'], [{ subnet: '10.8.0.0/31' }, '8 to 30'], [{ subnet: 'fd00::/127' }, '8 to 126'],
    [{ subnet: '10.8.0.0/24', gateway: '10.7.0.1' }, 'gateway "10.7.0.1"'], [{ subnet: '10.8.0.0/24', ipRange: '10.8.1.0/25' }, 'ip_range 10.8.1.0/25'], [{ subnet: 'x' }, 'is not a network'],
    [{ subnet: '10.8.0.0/24', auxAddresses: { x: '10.7.0.1' } }, 'aux_addresses.x "10.7.0.1"'],
    [{ subnet: '224.1.0.0/16' }, 'is for multicast'], [{ subnet: '127.9.0.0/24' }, 'is loopback'], [{ subnet: '0.0.0.0/8' }, 'the address that means none'], [{ subnet: 'ff00::/64' }, 'is for multicast'],
  ])('%j is refused: %s', (wanted, message) => {
    expect(() => choose([wanted], taken(['10.9.0.0/16']), { ipv6: true })).toThrow(message);
  });

  test('must not overlap with another one of the same network', () => {
    expect(() => choose([{ subnet: '10.8.0.0/16' }, { subnet: '10.8.1.0/24' }])).toThrow('overlaps with 10.8.0.0/16 of network a');
  });
});
