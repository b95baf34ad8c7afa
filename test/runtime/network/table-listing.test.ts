import { expect, it } from 'vitest';
import { attributed } from '../../../src/runtime/network/rules-drift.ts';
import { readListing, ruleDrift } from '../../../src/runtime/network/table-listing.ts';

const listing = (map: string, rules: string): string => `table inet bayplan {
\tmap pub_ip {
\t\ttype ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
${map === '' ? '' : `\t\telements = { ${map} }\n`}\t}

\tset own {
\t\ttype ifname . ipv4_addr
\t\tflags interval
\t\telements = { "bp-1" . 10.0.0.0/24,
\t\t\t     "bp-2" . 10.0.1.0/24 }
\t}

\tchain forward {
\t\ttype filter hook forward priority filter; policy accept;
${rules}\t}
}
`;
const ELEMENT = '127.0.0.1 . tcp . 80 : 10.0.0.2 . 80';
const RULES = '\t\tct state established,related accept\n\t\toifname @ours drop\n';
const whole = readListing(listing(ELEMENT, RULES));
const difference = (map: string, rules: string): ReturnType<typeof ruleDrift> => ruleDrift(whole, readListing(listing(map, rules)));

it('finds elements and rules that are missing, too much, or in another order', () => {
  expect(difference(ELEMENT, RULES)).toEqual([]);
  expect(difference('', RULES)).toEqual([{ object: 'map pub_ip', missing: [ELEMENT], surplus: [], whole: false }]);
  expect(difference(ELEMENT, '')).toEqual([{ object: 'chain forward', missing: ['ct state established,related accept', 'oifname @ours drop'], surplus: [], whole: false }]);
  expect(difference(ELEMENT, `\t\taccept\n${RULES}`)).toEqual([{ object: 'chain forward', missing: [], surplus: ['accept'], whole: false }]);
  expect(difference(ELEMENT, RULES.split('\n').toReversed().slice(1).join('\n').concat('\n')).map(({ surplus }) => surplus)).toEqual([['its rules in another order']]);
  expect(ruleDrift(whole, readListing('')).every((each) => each.whole)).toBe(true);
});

it('says whose it is: by link, by address, and else everybody\'s', () => {
  const places = { networks: new Map([['one', 'bp-1'], ['two', 'bp-2']]), containers: new Map([['c1', { ipv4: '10.0.0.2', ipv6: '' }], ['c2', { ipv4: '10.0.0.22', ipv6: '' }], ['c3', null]]) };
  const of = (map: string, rules: string, text = listing(map, rules)): unknown => {
    const { networks, containers } = attributed(ruleDrift(whole, readListing(text)), places, null);
    return [[...networks.keys()], [...containers.keys()]];
  };
  expect(of('', RULES)).toEqual([[], ['c1']]);
  expect(of(ELEMENT, '')).toEqual([['one', 'two'], []]);
  expect(of(ELEMENT, RULES, listing(ELEMENT, RULES).replace('"bp-1" . 10.0.0.0/24,\n\t\t\t     ', ''))).toEqual([['one'], []]);
  expect(attributed(ruleDrift(whole, new Map()), places, 'by nft, pid 9').networks.get('two')).toEqual([{ kind: 'rules', field: 'rules', expected: 'the engine\'s table', found: 'no such table', by: 'by nft, pid 9' }]);
});
