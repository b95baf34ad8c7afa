import { expect, test } from 'vitest';
import { keepAddresses, renewAddresses } from '../../../src/runtime/container/renew-addresses.ts';
import { BayplanError } from '../../../src/state/bayplan-error.ts';
import { attachment, containerSpec } from '../../spec-values.ts';

type Asked = (network: string, id: string, wanted: { readonly ipv4: string | null; readonly ipv6: string | null }) => { ipv4: string; ipv6: string };
const kept = { id: 'c', addresses: { one: '10.0.1.2' }, ipv6Addresses: { one: 'fd00:1::2' } };
const spec = containerSpec({ networks: { one: attachment() } });

/** A network that has these subnets, and gives .7 of them. */
const having = (four: string, six: string | null): Asked => (network, _id, { ipv4, ipv6 }) => {
  if (network !== 'one') throw new BayplanError('network-not-found', `network ${network} is not there; create it first`);
  if ((ipv4 !== null && !ipv4.startsWith(four)) || (ipv6 !== null && (six === null || !ipv6.startsWith(six)))) throw new BayplanError('bad-request', 'not an address of it');
  return { ipv4: ipv4 ?? `${four}7`, ipv6: six === null ? '' : ipv6 ?? `${six}7` };
};

test.each<[string, Asked, ReturnType<typeof renewAddresses>]>([
  ['the network that it knows', having('10.0.1.', 'fd00:1::'), null],
  ['another one of that name', having('10.0.2.', 'fd00:2::'), { addresses: { one: '10.0.2.7' }, ipv6Addresses: { one: 'fd00:2::7' } }],
  ['one that has no IPv6 any more', having('10.0.1.', null), { addresses: { one: '10.0.1.7' }, ipv6Addresses: {} }],
])('%s', (_what, allocate, expected) => {
  expect(renewAddresses({ allocate }, { ...kept, spec })).toEqual(expected);
});

test('one that has IPv6 by now gives such an address beside the former one', () => {
  expect(renewAddresses({ allocate: having('10.0.1.', 'fd00:1::') }, { ...kept, spec, ipv6Addresses: {} })).toEqual({ addresses: { one: '10.0.1.2' }, ipv6Addresses: { one: 'fd00:1::7' } });
});

test('an address that was asked for stays asked for, and a network that is not there is told', () => {
  expect(() => renewAddresses({ allocate: having('10.0.2.', null) }, { ...kept, spec: containerSpec({ networks: { one: attachment({ ipv4Address: '10.0.1.2' }) } }) })).toThrow('not an address of it');
  expect(() => renewAddresses({ allocate: having('10.0.1.', null) }, { ...kept, spec: containerSpec({ networks: { two: attachment() } }) })).toThrow('network two is not there');
});

test('what cannot be kept of a container that does not run is left, and all else is kept', () => {
  const asked: string[] = [];
  const allocate: Asked = (network, id, wanted) => {
    asked.push(network);
    return having('10.0.2.', null)(network, id, wanted);
  };
  keepAddresses({ allocate, spec: (network) => (network === 'gone' ? null : { driver: 'bridge', internal: false, external: false, attachable: false, ipv6: false, ipam: [], labels: {}, options: {} }) }, { ...kept, spec, addresses: { gone: '10.0.9.1', one: '10.0.1.2' } });
  expect(asked).toEqual(['one']);
});
