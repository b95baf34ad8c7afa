import { beforeAll, describe, expect, it } from 'vitest';
import { factsFromGuest, GUEST_SECONDS } from './in-guest.ts';
import type { NetworkFacts } from './networks-scenario.ts';

const ANSWERED = expect.stringContaining('1 packets received') as string;
let facts: NetworkFacts;
// One boot for all: networks-scenario.ts does everything, the tests look at what it saw.
beforeAll(async () => {
  facts = await factsFromGuest('networks-scenario');
}, (GUEST_SECONDS + 60) * 1000);

it('comes up', () => {
  expect([facts.load.code, facts.up.code]).toEqual([0, 0]);
});

describe.each([
  ['macvlan', '10.60.1.3', { info_kind: 'macvlan', info_data: { mode: 'bridge' } }],
  ['ipvlan', '10.60.2.3', { info_kind: 'ipvlan', info_data: { mode: 'l2' } }],
  ['layer3', '10.60.3.3', { info_kind: 'ipvlan', info_data: { mode: 'l3' } }],
  ['vlan', '10.60.4.3', { info_kind: 'macvlan', info_data: { mode: 'bridge' } }],
] as const)('%s', (kind, peer, link) => {
  it('is what the kernel has, and names lead to the other container', () => {
    expect(facts[kind].kind).toMatchObject(link);
    expect(facts[kind].name).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`Address.*: ${peer}`)) });
    expect(facts[kind].peer).toMatchObject({ code: 0, stdout: ANSWERED });
  });

  it('puts containers on the wire of its parent: they reach the neighbour, and it reaches them', () => {
    expect(facts[kind].out).toMatchObject({ code: 0, stdout: ANSWERED });
    expect(facts[kind].in).toMatchObject({ code: 0, stdout: ANSWERED });
  });
});

it('publishes SCTP, the client kept, and holds the port', () => {
  expect(facts.sctp.outside).toMatchObject({ code: 0, stdout: 'sctp 10.61.3.2' });
  expect(facts.sctp.host.stdout).toMatch(/^sctp \d+\.\d+\.\d+\.1$/);
  expect(facts.sctp.ps.stdout).toContain('0.0.0.0:9132->9132/sctp');
  expect(facts.sctp.taken).toMatchObject({ stderr: 'Address already in use\n' });
});

it('makes the VLAN that a parent is named as, which goes with the last network on it', () => {
  expect(facts.made).toMatchObject({ link: 'wire1', operstate: 'UP', linkinfo: { info_kind: 'vlan', info_data: { id: 7 } } });
  expect(facts.other).toMatchObject({ code: 0 });
  expect(facts.refused).toEqual([
    expect.stringContaining('network refused: this host has no link "wire9"; name one of "ip link"'), expect.stringContaining('network refused: option parent: wire1.5000: expected a VLAN from 1 to 4094'), expect.stringContaining('network refused: this host has no link "wire9"; name'),
  ]);
  expect(facts.inherited).toMatchObject({ link: 'wire1', operstate: 'UP' }); // after the stack's down
  expect(facts.gone).toEqual([0, null, 'UP']);
});

it('without a parent leads nowhere but to its own containers', () => {
  expect(facts.alone).toMatchObject({ peer: { code: 0, stdout: ANSWERED }, routes: expect.stringMatching(/^10\.60\.5\.0\/24 [^\n]*\n$/), out: 1 });
});

it('leaves nothing after `down`', () => {
  expect(facts.down).toMatchObject({ code: 0, stderr: '' });
  expect(facts.left).toEqual([]);
  expect(facts.stop.code).toBe(0);
});
