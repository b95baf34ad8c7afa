import { describe, expect, test } from 'vitest';
import { tableChange, type TablePort, type TableState, wholeTable } from '../../../src/runtime/network/table.ts';

const names = { table: 'bayplan', linkPrefix: 'bp-' };
const open = { link: 'bp-aaaaaaaa', subnet: '172.17.0.0/16', internal: false };
const shut = { link: 'bp-bbbbbbbb', subnet: '172.18.0.0/16', internal: true };
const port = (hostIp: string, number: number, ...backends: readonly string[]): TablePort => ({ hostIp, protocol: 'tcp', port: number, backends: backends.map((address) => ({ address, port: 80 })) });
function state(networks: Record<string, TableState['networks'] extends ReadonlyMap<string, infer N> ? N : never>, ports: readonly TablePort[]): TableState {
  return { networks: new Map(Object.entries(networks)), ports: new Map(ports.map((one) => [`${one.hostIp}|${one.port}`, one])) };
}
const nothing = state({}, []);

test('the whole table', () => {
  const full = state({ open, shut }, [port('', 80, '172.17.0.2'), port('127.0.0.1', 81, '172.17.0.3'), port('', 90, '172.17.0.2', '172.17.0.3'), port('10.0.0.1', 91, '172.17.0.2', '172.17.0.3')]);
  expect(wholeTable(names, full)).toBe(`table inet bayplan
delete table inet bayplan
table inet bayplan {
  map pub_ip { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; elements = { 127.0.0.1 . tcp . 81 : 172.17.0.3 . 80 }; }
  map pub { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . 80 : 172.17.0.2 . 80 }; }
  chain lb-tcp-90 { meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80 }; }
  chain lb-10-0-0-1-tcp-91 { meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80 }; }
  map lb_ip { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 10.0.0.1 . tcp . 91 : goto lb-10-0-0-1-tcp-91 }; }
  map lb { type inet_proto . inet_service : verdict; elements = { tcp . 90 : goto lb-tcp-90 }; }
  set own { type ifname . ipv4_addr; flags interval; elements = { "bp-aaaaaaaa" . 172.17.0.0/16, "bp-bbbbbbbb" . 172.18.0.0/16 }; }
  set same { type ifname . ifname; elements = { "bp-aaaaaaaa" . "bp-aaaaaaaa", "bp-bbbbbbbb" . "bp-bbbbbbbb" }; }
  set closed { type ifname; elements = { "bp-bbbbbbbb" }; }
  chain raw { type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop; }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @pub_ip
    dnat ip to meta l4proto . th dport map @pub
    ip daddr . meta l4proto . th dport vmap @lb_ip
    meta l4proto . th dport vmap @lb; }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
  chain output { type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    oifname . ip saddr @own ct status dnat masquerade
    oifname "bp-*" ip saddr 127.0.0.0/8 masquerade
    iifname "bp-*" oifname != "bp-*" masquerade; }
  chain forward { type filter hook forward priority filter; policy accept;
    iifname != "bp-*" oifname != "bp-*" accept
    ct state established,related accept
    iifname . oifname @same accept
    iifname @closed drop
    ct status dnat oifname "bp-*" accept
    oifname "bp-*" drop; }
}
`);
});

describe('a change is only what differs', () => {
  const change = (before: TableState, after: TableState): readonly string[] => tableChange(names, before, after).split('\n').slice(0, -1);

  test('nothing', () => {
    expect(tableChange(names, state({ open }, [port('', 80, '172.17.0.2')]), state({ open }, [port('', 80, '172.17.0.2')]))).toBe('');
  });

  test('networks', () => {
    expect(change(state({ open }, []), state({ shut }, []))).toEqual([
      'delete element inet bayplan own { "bp-aaaaaaaa" . 172.17.0.0/16 }', 'delete element inet bayplan same { "bp-aaaaaaaa" . "bp-aaaaaaaa" }',
      'add element inet bayplan own { "bp-bbbbbbbb" . 172.18.0.0/16 }', 'add element inet bayplan same { "bp-bbbbbbbb" . "bp-bbbbbbbb" }', 'add element inet bayplan closed { "bp-bbbbbbbb" }',
    ]);
  });

  test('a port comes, moves and goes', () => {
    expect(change(nothing, state({}, [port('', 80, '172.17.0.2')]))).toEqual(['add element inet bayplan pub { tcp . 80 : 172.17.0.2 . 80 }']);
    expect(change(state({}, [port('127.0.0.1', 80, '172.17.0.2')]), state({}, [port('127.0.0.1', 80, '172.17.0.3')]))).toEqual([
      'delete element inet bayplan pub_ip { 127.0.0.1 . tcp . 80 }', 'add element inet bayplan pub_ip { 127.0.0.1 . tcp . 80 : 172.17.0.3 . 80 }']);
    expect(change(state({}, [port('', 80, '172.17.0.2')]), nothing)).toEqual(['delete element inet bayplan pub { tcp . 80 }']);
  });

  test('a second replica moves the port to a chain, and the last one leaves it', () => {
    const one = state({}, [port('', 80, '172.17.0.2')]);
    const two = state({}, [port('', 80, '172.17.0.2', '172.17.0.3')]);
    expect(change(one, two)).toEqual([
      'delete element inet bayplan pub { tcp . 80 }', 'add chain inet bayplan lb-tcp-80', 'flush chain inet bayplan lb-tcp-80',
      'add rule inet bayplan lb-tcp-80 meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80 }', 'add element inet bayplan lb { tcp . 80 : goto lb-tcp-80 }']);
    expect(change(two, one)).toEqual([
      'delete element inet bayplan lb { tcp . 80 }', 'flush chain inet bayplan lb-tcp-80', 'delete chain inet bayplan lb-tcp-80', 'add element inet bayplan pub { tcp . 80 : 172.17.0.2 . 80 }']);
    expect(change(two, nothing)).toEqual(['delete element inet bayplan lb { tcp . 80 }', 'flush chain inet bayplan lb-tcp-80', 'delete chain inet bayplan lb-tcp-80']);
  });
});
