import { expect, test } from 'vitest';
import { NetworkRecord } from '../../../src/runtime/network/network-record.ts';

test('a record of version 1, with one pool, is read as it was meant', () => {
  const first = {
    version: 1, name: 'a', stack: 's', id: 'f', link: 'bp-f', group: 7, subnet: '10.9.0.0/24', gateway: '10.9.0.1', createdAt: 5,
    spec: { driver: 'bridge', internal: false, external: false, ipam: { subnet: '10.9.0.0/24', gateway: '', ipRange: '10.9.0.128/25' }, labels: {}, options: {} },
  };
  expect(NetworkRecord.parse(first)).toMatchObject({
    version: 2, pools: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1', ipRange: '10.9.0.128/25', auxAddresses: {} }],
    spec: { ipv6: false, attachable: false, ipam: [{ subnet: '10.9.0.0/24', gateway: '', ipRange: '10.9.0.128/25', auxAddresses: {} }] },
  });
  const asked = { ...first, spec: { ...first.spec, ipam: { subnet: '', gateway: '', ipRange: '' } } };
  expect(NetworkRecord.parse(asked).spec.ipam).toEqual([]);
});
