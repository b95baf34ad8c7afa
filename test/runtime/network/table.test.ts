import { describe, expect, test } from 'vitest';
import { tableChange, type TableNetwork, type TablePort, type TableState, wholeTable } from '../../../src/runtime/network/table.ts';

const names = { table: 'bayplan', linkPrefix: 'bp-' };
const open: TableNetwork = { link: 'bp-aaaaaaaa', subnets: [{ family: 4, cidr: '172.17.0.0/16' }], internal: false, masquerade: true };
const shut: TableNetwork = { link: 'bp-bbbbbbbb', subnets: [{ family: 4, cidr: '172.18.0.0/16' }], internal: true, masquerade: true };
const own: TableNetwork = { link: 'mine', subnets: [{ family: 4, cidr: '172.19.0.0/16' }, { family: 6, cidr: 'fd00::/64' }], internal: false, masquerade: false };
const port = (hostIp: string, number: number, ...backends: readonly string[]): TablePort => ({ family: backends[0]?.includes(':') === true ? 6 : 4, allow: null, hostIp, protocol: 'tcp', port: number, backends: backends.map((address) => ({ address, port: 80 })) });
function state(networks: Record<string, TableState['networks'] extends ReadonlyMap<string, infer N> ? N : never>, ports: readonly TablePort[]): TableState {
  return { networks: new Map(Object.entries(networks)), ports: new Map(ports.map((one) => [`${one.hostIp}|${one.port}`, one])) };
}
const nothing = state({}, []);

test('the whole table', () => {
  const full = state({ open, shut, own }, [
    port('', 80, '172.17.0.2'), port('127.0.0.1', 81, '172.17.0.3'), port('', 90, '172.17.0.2', '172.17.0.3'), port('10.0.0.1', 91, '172.17.0.2', '172.17.0.3'),
    port('fd00::1', 80, 'fd00::2', 'fd00::3'), { ...port('', 82, '172.17.0.2'), allow: ['10.0.0.0/8', '192.0.2.1'] },
  ]);
  expect(wholeTable(names, full)).toMatchInlineSnapshot(`
    "table inet bayplan
    delete table inet bayplan
    table inet bayplan {
      set ours { type ifname; flags interval; elements = { "bp-*", "mine" }; }
      set same { type ifname . ifname; elements = { "bp-aaaaaaaa" . "bp-aaaaaaaa", "bp-bbbbbbbb" . "bp-bbbbbbbb", "mine" . "mine" }; }
      set closed { type ifname; elements = { "bp-bbbbbbbb" }; }
      set routed { type ifname; elements = { "mine" }; }
      chain lb-tcp-90-672e0f5b { meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80 }; }
      chain lb-10-0-0-1-tcp-91-672e0f5b { meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80 }; }
      chain lb6-fd00--1-tcp-80-f3729d3d { meta l4proto tcp dnat ip6 to numgen inc mod 2 map { 0 : fd00::2 . 80, 1 : fd00::3 . 80 }; }
      chain allow-tcp-82-b27dcfd1 { ip saddr { 10.0.0.0/8, 192.0.2.1 } return; drop; }
      map pub_ip { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; elements = { 127.0.0.1 . tcp . 81 : 172.17.0.3 . 80 }; }
      map pub { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . 80 : 172.17.0.2 . 80, tcp . 82 : 172.17.0.2 . 80 }; }
      map lb_ip { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.0.0.1 . tcp . 91 : goto lb-10-0-0-1-tcp-91-672e0f5b }; }
      map lb { type inet_proto . inet_service : verdict; elements = { tcp . 90 : goto lb-tcp-90-672e0f5b }; }
      map guard_ip { type ipv4_addr . inet_proto . inet_service : verdict; }
      map guard { type inet_proto . inet_service : verdict; elements = { tcp . 82 : jump allow-tcp-82-b27dcfd1 }; }
      set own { type ifname . ipv4_addr; flags interval; elements = { "bp-aaaaaaaa" . 172.17.0.0/16, "bp-bbbbbbbb" . 172.18.0.0/16, "mine" . 172.19.0.0/16 }; }
      map pub_ip6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
      map pub6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
      map lb_ip6 { type ipv6_addr . inet_proto . inet_service : verdict; elements = { fd00::1 . tcp . 80 : goto lb6-fd00--1-tcp-80-f3729d3d }; }
      map lb6 { type inet_proto . inet_service : verdict; }
      map guard_ip6 { type ipv6_addr . inet_proto . inet_service : verdict; }
      map guard6 { type inet_proto . inet_service : verdict; }
      set own6 { type ifname . ipv6_addr; flags interval; elements = { "mine" . fd00::/64 }; }
      chain input { type filter hook input priority filter; policy accept;
        ip daddr 127.0.0.0/8 ct status dnat ct original ip daddr != 127.0.0.0/8 accept
        ip daddr 127.0.0.0/8 iifname != "lo" ct state != { established, related } drop; }
      chain guarded {
        ip daddr . meta l4proto . th dport vmap @guard_ip
        meta nfproto ipv4 meta l4proto . th dport vmap @guard
        ip6 daddr . meta l4proto . th dport vmap @guard_ip6
        meta nfproto ipv6 meta l4proto . th dport vmap @guard6; }
      chain publish {
        ip6 daddr ::1 return
        dnat ip to ip daddr . meta l4proto . th dport map @pub_ip
        meta nfproto ipv4 dnat ip to meta l4proto . th dport map @pub
        ip daddr . meta l4proto . th dport vmap @lb_ip
        meta nfproto ipv4 meta l4proto . th dport vmap @lb
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @pub_ip6
        meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @pub6
        ip6 daddr . meta l4proto . th dport vmap @lb_ip6
        meta nfproto ipv6 meta l4proto . th dport vmap @lb6; }
      chain prerouting { type nat hook prerouting priority dstnat; policy accept;
        ip daddr 127.0.0.0/8 iifname != "lo" drop
        meta l4proto { tcp, udp, sctp } fib daddr type local jump guarded
        meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
      chain output { type nat hook output priority -100; policy accept;
        meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
      chain postrouting { type nat hook postrouting priority srcnat; policy accept;
        oifname . ip saddr @own ct status dnat masquerade
        oifname . ip6 saddr @own6 ct status dnat masquerade
        oifname @ours ip saddr 127.0.0.0/8 masquerade
        iifname @routed return
        iifname @ours oifname != @ours masquerade; }
      chain forward { type filter hook forward priority filter; policy accept;
        ct state established,related accept
        iifname != @ours oifname != @ours accept
        iifname . oifname @same accept
        iifname @closed drop
        ct status dnat oifname @ours accept
        oifname @ours drop; }
    }
    "
  `);
});

describe('a change is only what differs', () => {
  /** Lines, by transaction. */
  const changes = (before: TableState, after: TableState): readonly (readonly string[])[] => tableChange(names, before, after).map((part) => part.split('\n').slice(0, -1));
  /** Of a change that takes one transaction. */
  const change = (before: TableState, after: TableState): readonly string[] => {
    const parts = changes(before, after);
    expect(parts).toHaveLength(1);
    return parts.flat();
  };

  test('nothing', () => {
    expect(tableChange(names, state({ open }, [port('', 80, '172.17.0.2')]), state({ open }, [port('', 80, '172.17.0.2')]))).toEqual([]);
  });

  test('networks', () => {
    expect(change(state({ open }, []), state({ shut }, []))).toEqual([
      'delete element inet bayplan own { "bp-aaaaaaaa" . 172.17.0.0/16 }', 'delete element inet bayplan same { "bp-aaaaaaaa" . "bp-aaaaaaaa" }',
      'add element inet bayplan own { "bp-bbbbbbbb" . 172.18.0.0/16 }', 'add element inet bayplan same { "bp-bbbbbbbb" . "bp-bbbbbbbb" }', 'add element inet bayplan closed { "bp-bbbbbbbb" }',
    ]);
  });

  test('a network with a name of its own, IPv6 and no masquerading', () => {
    expect(change(nothing, state({ own }, []))).toEqual([
      'add element inet bayplan own { "mine" . 172.19.0.0/16 }', 'add element inet bayplan own6 { "mine" . fd00::/64 }', 'add element inet bayplan same { "mine" . "mine" }',
      'add element inet bayplan ours { "mine" }', 'add element inet bayplan routed { "mine" }',
    ]);
  });

  test('who may come in: the list is there before anything leads to it, and another one is another chain', () => {
    const some = { ...port('', 80, '172.17.0.2'), allow: ['10.0.0.0/8'] };
    const others = { ...some, allow: [] };
    expect(changes(nothing, state({}, [some]))).toEqual([
      ['add chain inet bayplan allow-tcp-80-933848d3', 'add rule inet bayplan allow-tcp-80-933848d3 ip saddr { 10.0.0.0/8 } return', 'add rule inet bayplan allow-tcp-80-933848d3 drop'],
      ['add element inet bayplan guard { tcp . 80 : jump allow-tcp-80-933848d3 }', 'add element inet bayplan pub { tcp . 80 : 172.17.0.2 . 80 }']]);
    expect(changes(state({}, [some]), nothing)).toEqual([
      ['delete element inet bayplan guard { tcp . 80 }', 'delete element inet bayplan pub { tcp . 80 }'], ['flush chain inet bayplan allow-tcp-80-933848d3', 'delete chain inet bayplan allow-tcp-80-933848d3']]);
    expect(changes(state({}, [some]), state({}, [others]))).toEqual([
      ['add chain inet bayplan allow-tcp-80-d90ee9cc', 'add rule inet bayplan allow-tcp-80-d90ee9cc drop'],
      ['delete element inet bayplan guard { tcp . 80 }', 'add element inet bayplan guard { tcp . 80 : jump allow-tcp-80-d90ee9cc }'],
      ['flush chain inet bayplan allow-tcp-80-933848d3', 'delete chain inet bayplan allow-tcp-80-933848d3']]);
  });

  test('a port comes, moves and goes', () => {
    expect(change(nothing, state({}, [port('', 80, '172.17.0.2')]))).toEqual(['add element inet bayplan pub { tcp . 80 : 172.17.0.2 . 80 }']);
    expect(change(state({}, [port('127.0.0.1', 80, '172.17.0.2')]), state({}, [port('127.0.0.1', 80, '172.17.0.3')]))).toEqual([
      'delete element inet bayplan pub_ip { 127.0.0.1 . tcp . 80 }', 'add element inet bayplan pub_ip { 127.0.0.1 . tcp . 80 : 172.17.0.3 . 80 }']);
    expect(change(state({}, [port('', 80, '172.17.0.2')]), nothing)).toEqual(['delete element inet bayplan pub { tcp . 80 }']);
  });

  test('a second replica moves the port to a chain, others take its turns, and the last one leaves it: at no time does the port lead nowhere', () => {
    const [one, two, three] = [['172.17.0.2'], ['172.17.0.2', '172.17.0.3'], ['172.17.0.2', '172.17.0.3', '172.17.0.4']].map((backends) => state({}, [port('', 80, ...backends)]));
    if (one === undefined || two === undefined || three === undefined) throw new Error('unreachable');
    expect(changes(one, two)).toEqual([
      ['add chain inet bayplan lb-tcp-80-672e0f5b', 'add rule inet bayplan lb-tcp-80-672e0f5b meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80 }'],
      ['delete element inet bayplan pub { tcp . 80 }', 'add element inet bayplan lb { tcp . 80 : goto lb-tcp-80-672e0f5b }']]);
    expect(changes(two, three)).toEqual([
      ['add chain inet bayplan lb-tcp-80-16743f46', 'add rule inet bayplan lb-tcp-80-16743f46 meta l4proto tcp dnat ip to numgen inc mod 3 map { 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80, 2 : 172.17.0.4 . 80 }'],
      ['delete element inet bayplan lb { tcp . 80 }', 'add element inet bayplan lb { tcp . 80 : goto lb-tcp-80-16743f46 }'],
      ['flush chain inet bayplan lb-tcp-80-672e0f5b', 'delete chain inet bayplan lb-tcp-80-672e0f5b']]);
    expect(changes(two, one)).toEqual([
      ['add element inet bayplan pub { tcp . 80 : 172.17.0.2 . 80 }'], ['delete element inet bayplan lb { tcp . 80 }'], ['flush chain inet bayplan lb-tcp-80-672e0f5b', 'delete chain inet bayplan lb-tcp-80-672e0f5b']]);
    expect(changes(two, nothing)).toEqual([['delete element inet bayplan lb { tcp . 80 }'], ['flush chain inet bayplan lb-tcp-80-672e0f5b', 'delete chain inet bayplan lb-tcp-80-672e0f5b']]);
  });
});
