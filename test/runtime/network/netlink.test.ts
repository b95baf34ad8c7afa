import { describe, expect, test } from 'vitest';
import { attribute, HEADER_BYTES, joinMessages, message, readAnswers, readAttributes, text, u32 } from '../../../src/runtime/network/netlink.ts';
import { addressAdd, bridgeAdd, defaultRouteSet, groupDelete, portModes, portUp, readLink, readRoute, vethAdd } from '../../../src/runtime/network/rtnetlink.ts';
import { cidrOf } from '../../../src/state/cidr.ts';

const mac = Buffer.from('0242ac110002', 'hex');

test('attributes are padded, and read back by type', () => {
  const bytes = Buffer.concat([text(3, 'eth0'), u32(10, 7), attribute(0x8000 | 18, Buffer.from('abc'))]);
  expect(bytes.length % 4).toBe(0);
  expect([...readAttributes(bytes, 0)].map(([type, value]) => [type, value.toString('latin1')])).toEqual([[3, 'eth0\0'], [10, '\x07\0\0\0'], [18, 'abc']]);
  expect([...readAttributes(Buffer.from([255, 0, 1, 0]), 0)]).toEqual([]);
});

test('messages are joined with lengths, numbers in order, and an acknowledgement asked for', () => {
  const joined = joinMessages([message(16, 0, Buffer.from('abc')), message(17, 0)]);
  expect([joined.readUInt32LE(0), joined.readUInt16LE(6), joined.readUInt32LE(8)]).toEqual([19, 5, 1]);
  expect([joined.readUInt32LE(20), joined.readUInt16LE(24), joined.readUInt32LE(28)]).toEqual([16, 17, 2]);
});

describe('answers', () => {
  const reply = (sequence: number, type: number, flags: number, payload: Buffer): Buffer => {
    const out = message(type, 0, payload, Buffer.alloc((4 - (payload.length % 4)) % 4));
    out.writeUInt32LE(HEADER_BYTES + payload.length, 0);
    out.writeUInt16LE(flags, 6);
    out.writeUInt32LE(sequence, 8);
    return out;
  };
  const error = (errno: number): Buffer => { const out = Buffer.alloc(4); out.writeInt32LE(-errno); return out; };

  test('go to their messages, with what the kernel says', () => {
    const words = Buffer.concat([error(17), Buffer.alloc(16), text(1, 'it is there')]);
    const answers = readAnswers(Buffer.concat([reply(2, 2, 0x300, words), reply(1, 16, 2, Buffer.from('data')), reply(1, 3, 2, error(0)), reply(9, 2, 0, error(1))]), 3);
    expect(answers).toEqual([
      { errno: 0, message: '', payloads: [Buffer.from('data')] }, { errno: 17, message: 'it is there', payloads: [] }, { errno: 0, message: '', payloads: [] },
    ]);
  });
});

describe('rtnetlink messages, as iproute2 sends them', () => {
  test('a veth whose peer is born in another namespace', () => {
    const bytes = vethAdd({ name: 'bp-1', group: 9, netns: 30, peer: { index: 2, name: 'eth0', mac, mtu: 0 } });
    const link = readLink(bytes.subarray(HEADER_BYTES));
    expect(link).toEqual({ index: 0, name: 'bp-1', kind: 'veth', group: 9, master: 0, up: false, mac: '', mtu: 0 }); // down until it has no IPv6 to announce itself with
    const info = readAttributes(readAttributes(bytes, HEADER_BYTES + 16).get(18) ?? mac, 0);
    const peer = readAttributes(info.get(2) ?? mac, 0).get(1) ?? mac;
    expect(readLink(peer)).toMatchObject({ index: 2, name: 'eth0' });
    expect(peer.readUInt32LE(8)).toBe(0); // the peer stays down
    expect(readAttributes(peer, 16).get(28)?.readUInt32LE(0)).toBe(30);
    expect(bytes.readUInt16LE(6)).toBe(0x601);
  });

  test('a port that comes up on its bridge', () => {
    expect(readLink(portUp('bp-1', 4).subarray(HEADER_BYTES))).toMatchObject({ index: 0, name: 'bp-1', master: 4, up: true });
  });

  test('a bridge, hairpin, a group', () => {
    expect(readLink(bridgeAdd({ name: 'bp-2', mac, group: 9, mtu: 1400 }).subarray(HEADER_BYTES))).toMatchObject({ name: 'bp-2', kind: 'bridge', group: 9 });
    expect(portModes(7, { isolated: false }).readInt32LE(HEADER_BYTES + 4)).toBe(7);
    expect(readLink(portModes('bp-1', { isolated: true }).subarray(HEADER_BYTES)).name).toBe('bp-1');
    expect(groupDelete(9).readUInt16LE(4)).toBe(17);
  });

  test('an address and a route', () => {
    const network = cidrOf('172.17.0.0/16', 'x');
    expect(addressAdd(2, { family: 4, bits: network.first + 2n }, network).subarray(HEADER_BYTES).toString('hex')).toBe('0210000002000000' + '08000200ac110002' + '08000100ac110002' + '08000400ac11ffff');
    expect(defaultRouteSet(2, 4, { family: 4, bits: network.first + 1n }).subarray(HEADER_BYTES).toString('hex')).toBe('02000000fe04000100000000' + '08000500ac110001' + '0800040002000000');
    const six = cidrOf('fd00::/64', 'x');
    expect(addressAdd(2, { family: 6, bits: six.first + 2n }, six).subarray(HEADER_BYTES).toString('hex')).toBe(`0a40020002000000${'14000200fd000000000000000000000000000002'}${'14000100fd000000000000000000000000000002'}`);
    expect(defaultRouteSet(2, 6, null).subarray(HEADER_BYTES).toString('hex')).toBe('0a000000fe04fd0100000000' + '0800040002000000');
    const route = Buffer.concat([Buffer.from('02100000fe020001', 'hex'), Buffer.alloc(4), attribute(1, Buffer.from([172, 17, 0, 0])), u32(4, 5)]);
    expect(readRoute(route)).toEqual({ destination: network, gateway: null, link: 5, table: 254, unicast: true });
  });
});
