import { expect, test } from 'vitest';
import { NetworkEntry } from '../../../src/runtime/network/network-entry.ts';
import { NETWORK_RECORD_VERSION } from '../../../src/runtime/network/network-record.ts';
import { outerDrift, type Outside } from '../../../src/runtime/network/outer-drift.ts';
import type { Link } from '../../../src/runtime/network/rtnetlink.ts';
import { addressOf } from '../../../src/state/cidr.ts';

const entry = new NetworkEntry({
  version: NETWORK_RECORD_VERSION, name: 'n', stack: 's', id: 'a'.repeat(64), link: 'bp-n', group: 9, createdAt: 0, pools: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1', ipRange: '', auxAddresses: {} }],
  spec: { driver: 'bridge', internal: false, external: false, attachable: false, ipv6: false, ipam: [], labels: {}, options: {} },
});
const gateway = addressOf('10.9.0.1') ?? { family: 4, bits: 0n };
const bridge: Link = { index: 5, name: 'bp-n', kind: 'bridge', group: 9, master: 0, up: true, mac: '02420a090001', mtu: 1500 };
const port: Link = { index: 6, name: 'bp-p', kind: 'veth', group: 9, master: 5, up: true, mac: '', mtu: 1500 };
const right = new Map([['/proc/sys/net/ipv4/ip_forward', '1'], ['/proc/sys/net/ipv4/conf/bp-n/route_localnet', '1']]);
const found = ({ bridge: own = {}, port: its = {}, settings = {} }: { readonly bridge?: Partial<Link>; readonly port?: Partial<Link>; readonly settings?: Readonly<Record<string, string>> }): readonly string[] => {
  const set = new Map([...right, ...Object.entries(settings)]);
  const outside: Outside = { links: new Map([{ ...bridge, ...own }, { ...port, ...its }].map((link) => [link.name, link])), addresses: [{ link: 5, address: gateway }], setting: (path) => set.get(path) ?? null };
  return (outerDrift([entry], outside).get('n') ?? []).map(({ field, expected, found: is }) => `${field}: ${expected}, ${is}`);
};

test.each([
  ['nothing; a setting that the kernel does not have is right', {}, []],
  ['the bridge down', { bridge: { up: false } }, ['bridge: bp-n up, down']],
  ['another MTU of the bridge', { bridge: { mtu: 1300 } }, ['bridge.mtu: MTU 1500 of bp-n, 1300']],
  ['another MTU of a port', { port: { mtu: 1300 } }, ['bridge.port: MTU 1500 of bp-p, 1300']],
  ['another hardware address', { bridge: { mac: '020000000007' } }, ['bridge.mac: 02420a090001, 020000000007']],
  ['a host that forwards no more', { settings: { '/proc/sys/net/ipv4/ip_forward': '0' } }, ['net.ipv4.ip_forward: 1, 0']],
  ['a bridge that is given IPv6', { settings: { '/proc/sys/net/ipv6/conf/bp-n/disable_ipv6': '0' } }, ['net.ipv6.conf.bp-n.disable_ipv6: 1, 0']],
])('%s', (_what, outside, drift) => expect(found(outside)).toEqual(drift));
