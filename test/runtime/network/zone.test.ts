import { expect, test } from 'vitest';
import { namesOn, Zone, type ZoneHost } from '../../../src/runtime/network/zone.ts';

const host = (name: string, address: string, options: { others?: string[]; ready?: boolean } = {}): ZoneHost =>
  ({ names: [name, ...(options.others ?? ['web'])], addresses: [address], ready: options.ready ?? true });
const zoneOf = (...hosts: readonly ZoneHost[]): Zone => {
  const zone = new Zone();
  hosts.forEach((each, index) => zone.set(String(index), each));
  return zone;
};
const linesOf = (...hosts: readonly ZoneHost[]): readonly string[] => zoneOf(...hosts).text().split('\n').slice(1, -1);

test('names in lower case and in order, every replica, no line twice, and the way back from each address', () => {
  expect(zoneOf(host('Demo-Web-2', '172.17.0.3', { others: ['Web', 'web'] }), host('demo-web-1', '172.17.0.2')).text()).toBe([
    'version 1', '2.0.17.172.in-addr.arpa demo-web-1', '3.0.17.172.in-addr.arpa demo-web-2', 'demo-web-1 172.17.0.2', 'demo-web-2 172.17.0.3', 'web 172.17.0.2', 'web 172.17.0.3', '',
  ].join('\n'));
  expect(new Zone().text()).toBe('version 1\n');
});

test('both addresses of a container, IPv6 in its one form', () => {
  expect(linesOf({ names: ['db'], addresses: ['10.9.0.2', 'FD00:0:0:1::0A'], ready: true })).toEqual([
    '2.0.9.10.in-addr.arpa db', 'a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa db', 'db 10.9.0.2', 'db fd00:0:0:1::a',
  ]);
});

test('a shared name stands for the containers that are ready, for all where none is; its own name finds each', () => {
  const web = (...lines: readonly string[]): readonly string[] => lines.filter((line) => line.startsWith('web '));
  const two = (first: boolean, second: boolean): readonly string[] => linesOf(host('one', '10.9.0.2', { ready: first }), host('two', '10.9.0.3', { ready: second }));
  expect(web(...two(true, false))).toEqual(['web 10.9.0.2']);
  expect(two(true, false)).toContain('two 10.9.0.3');
  expect(web(...two(false, false))).toEqual(['web 10.9.0.2', 'web 10.9.0.3']);
});

test('an alias that nobody could ask for becomes no line', () => {
  expect(linesOf(host('one', '10.9.0.2', { others: ['a b', 'c\nd 10.9.0.9', ''] }))).toEqual(['2.0.9.10.in-addr.arpa one', 'one 10.9.0.2']);
});

test('after any changes it is as if it had been made so', () => {
  const zone = zoneOf(host('one', '10.9.0.2'), host('two', '10.9.0.3'), host('three', '10.9.0.4', { others: ['api'] }));
  zone.text();
  zone.setReady('0', false);
  zone.delete('2');
  zone.set('3', host('four', '10.9.0.5'));
  zone.delete('9');
  expect(zone.text()).toBe(zoneOf(host('four', '10.9.0.5'), host('two', '10.9.0.3'), host('one', '10.9.0.2', { ready: false })).text());
});

test('each name is there with its network behind it too, and the way back leads to the long form of the own one', () => {
  expect(linesOf({ names: namesOn('shop_Default', ['shop-web-1', 'web']), addresses: ['10.9.0.2'], ready: true })).toEqual([
    '2.0.9.10.in-addr.arpa shop-web-1.shop_default', 'shop-web-1 10.9.0.2', 'shop-web-1.shop_default 10.9.0.2', 'web 10.9.0.2', 'web.shop_default 10.9.0.2',
  ]);
});
