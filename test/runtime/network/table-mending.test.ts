import { expect, it } from 'vitest';
import { readListing, type TableListing } from '../../../src/runtime/network/table-listing.ts';
import { mending } from '../../../src/runtime/network/table-mending.ts';

const LB2 = 'chain lb-tcp-80-2 {\n\t\tmeta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.0.0.2 . 80, 1 : 10.0.0.3 . 80 }\n\t}';
const LB3 = 'chain lb-tcp-80-3 {\n\t\tdnat ip to 10.0.0.4\n\t}';
interface Parts { readonly pub?: string; readonly lb?: string; readonly chains?: string; readonly output?: string; readonly hook?: string; readonly type?: string; readonly flags?: string }
/** As `nft list table` prints one. */
function listing({ pub = '', lb = '', chains = '', output = 'jump publish', hook = 'output', type = 'inet_proto . inet_service', flags = '' }: Parts): TableListing {
  const elements = (text: string): string => (text === '' ? '' : `\t\telements = { ${text} }\n`);
  return readListing(`table inet t {
${flags}\tmap pub {
\t\ttype ${type} : ipv4_addr . inet_service
${elements(pub)}\t}

\tmap lb {
\t\ttype inet_proto . inet_service : verdict
${elements(lb)}\t}

${chains === '' ? '' : `\t${chains}\n`}\tchain output {
\t\ttype nat hook ${hook} priority -100; policy accept;
\t\t${output}
\t}
}
`);
}
const change = (from: Parts, to: Parts): readonly (readonly string[])[] | null => mending('t', listing(to), listing(from))?.map((part) => part.split('\n').slice(0, -1)) ?? null;

it('touches nothing that is right', () => {
  expect(change({ pub: 'tcp . 80 : 10.0.0.2 . 80, tcp . 81 : 10.0.0.2 . 81' }, { pub: 'tcp . 80 : 10.0.0.2 . 80,\n\t\t\t     tcp . 81 : 10.0.0.2 . 81' })).toEqual([]);
  expect(change({ pub: 'tcp . 80 : 10.0.0.2 . 80, tcp . 81 : 10.0.0.2 . 81, tcp . 9 : 10.0.0.9 . 9' }, { pub: 'tcp . 80 : 10.0.0.2 . 80, tcp . 81 : 10.0.0.3 . 81' })).toEqual([
    ['delete element inet t pub { tcp . 81 }', 'delete element inet t pub { tcp . 9 }', 'add element inet t pub { tcp . 81 : 10.0.0.3 . 81 }']]);
});

it('a port leads somewhere all the time', () => {
  expect(change({ lb: 'tcp . 80 : goto lb-tcp-80-3', chains: LB3 }, { lb: 'tcp . 80 : goto lb-tcp-80-2', chains: LB2 })).toEqual([
    ['add chain inet t lb-tcp-80-2', 'add rule inet t lb-tcp-80-2 meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.0.0.2 . 80, 1 : 10.0.0.3 . 80 }'],
    ['delete element inet t lb { tcp . 80 }', 'add element inet t lb { tcp . 80 : goto lb-tcp-80-2 }'],
    ['flush chain inet t lb-tcp-80-3', 'delete chain inet t lb-tcp-80-3'],
  ]);
  expect(change({ lb: 'tcp . 80 : goto lb-tcp-80-2', chains: LB2 }, { pub: 'tcp . 80 : 10.0.0.2 . 80' })).toEqual([
    ['add element inet t pub { tcp . 80 : 10.0.0.2 . 80 }'], ['delete element inet t lb { tcp . 80 }'], ['flush chain inet t lb-tcp-80-2', 'delete chain inet t lb-tcp-80-2']]);
});

it('puts rules back, and takes away what somebody has added', () => {
  expect(change({ output: 'jump publish\n\t\tdrop' }, {})).toEqual([['flush chain inet t output', 'add rule inet t output jump publish']]);
  expect(change({ chains: 'chain mine {\n\t\tjump lb-tcp-80-3\n\t}\n\tset seen {\n\t\ttype ipv4_addr\n\t}\n\t'.concat(LB3) }, {})).toEqual([
    ['flush chain inet t mine', 'flush chain inet t lb-tcp-80-3', 'delete chain inet t mine', 'delete set inet t seen', 'delete chain inet t lb-tcp-80-3']]);
});

it('says where another table is needed', () => {
  expect(change({ hook: 'input' }, {})).toBeNull();
  expect(change({ type: 'inet_service' }, {})).toBeNull();
  expect(change({ flags: '\tflags dormant\n\n' }, {})).toBeNull();
  expect(mending('t', listing({}), new Map([...listing({})].filter(([name]) => name !== 'map lb')))).toBeNull();
  expect(mending('t', listing({}), new Map([...listing({})].filter(([name]) => name !== 'chain output')))).toBeNull();
});
