import { expect, test } from 'vitest';
import { droppingChains, ForeignChains } from '../../../src/runtime/network/foreign-chains.ts';
import { type Chain, NftablesJson, type Rule } from '../../../src/runtime/network/nftables-json.ts';
import { KernelError } from '../../../src/runtime/kernel.ts';
import { FakeKernel } from '../../fake-kernel.ts';

const chain = (table: string, name: string, hook = '', policy = '', family = 'ip'): Chain => ({ family, table, name, hook, policy });

const none = (): readonly Rule[] => [];

test('base chains at forward that drop, and DOCKER-USER where it is beside them', () => {
  const forward = chain('filter', 'FORWARD', 'forward', 'drop');
  const user = chain('filter', 'DOCKER-USER');
  const ufw = chain('ufw', 'fwd', 'forward', 'drop', 'inet');
  const others = [chain('filter', 'INPUT', 'input', 'drop'), chain('x', 'FORWARD', 'forward', 'accept'), chain('filter', 'FORWARD', 'forward', 'drop', 'bridge'), chain('bayplan', 'forward', 'forward', 'drop', 'inet')];
  expect(droppingChains([forward, ...others], none, 'bayplan')).toEqual([forward]);
  expect(droppingChains([forward, user, ufw, ...others], none, 'bayplan')).toEqual([user, ufw]);
});

test.each<[string, readonly unknown[], boolean]>([
  ["firewalld's last word", [{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }], true], ['a counted drop', [{ counter: { packets: 0, bytes: 0 } }, { drop: null }], true],
  ['a drop of some', [{ match: { op: '==', left: {}, right: {} } }, { drop: null }], false], ['an accept', [{ accept: null }], false], ['nothing', [], false],
])('a chain that accepts by policy and ends in %s', (_, expr, drops) => {
  const forward = chain('firewalld', 'filter_FORWARD', 'forward', 'accept', 'inet');
  expect(droppingChains([forward], () => [{ handle: 1, comment: '', expr: [{ accept: null }] }, { handle: 2, comment: '', expr }], 'bayplan')).toEqual(drops ? [forward] : []);
});

test('rules are put at the top once, again when one is missing, and taken out by handle', () => {
  const kernel = new FakeKernel();
  let rules: { rule: object }[] = [];
  kernel.answers.nft = (text) => {
    if (text === 'list chains') return JSON.stringify({ nftables: [{ metainfo: {} }, { chain: { family: 'ip', table: 'filter', name: 'FORWARD', handle: 1, type: 'filter', hook: 'forward', prio: 0, policy: 'drop' } }] });
    if (text === 'list chain ip filter FORWARD') return JSON.stringify({ nftables: [{ chain: {} }, ...rules] });
    return '';
  };
  const changes = (): readonly unknown[] => kernel.of('nft').map(([text]) => text).filter((text) => !String(text).startsWith('list'));
  const foreign = new ForeignChains(new NftablesJson(kernel), 'bayplan');
  foreign.open(['bp-*']);
  const insert = 'insert rule ip filter FORWARD iifname "bp-*" counter accept comment "bayplan"\ninsert rule ip filter FORWARD oifname "bp-*" counter accept comment "bayplan"\n';
  expect(changes()).toEqual([insert]);
  expect(foreign.notices()).toEqual([expect.stringContaining('ip filter FORWARD drops forwarded packets')]);
  rules = [{ rule: { handle: 5, comment: 'bayplan' } }, { rule: { handle: 6 } }, { rule: { handle: 7, comment: 'bayplan' } }];
  foreign.open(['bp-*']);
  expect(changes()).toHaveLength(1);
  rules = rules.slice(1);
  foreign.open(['bp-*']);
  expect(changes()[1]).toBe(`delete rule ip filter FORWARD handle 7\n${insert}`);
  foreign.close();
  expect(changes()[2]).toBe('delete rule ip filter FORWARD handle 7\n');
  expect(foreign.notices()).toEqual([]);
});

test('a rule that its chain\'s owner takes away meanwhile is no failure; one that is never found is', () => {
  const kernel = new FakeKernel();
  let failures = 1;
  let rules = [{ rule: { handle: 5, comment: 'bayplan' } }];
  kernel.answers.nft = (text) => {
    if (text === 'list chains') return JSON.stringify({ nftables: [{ chain: { family: 'ip', table: 'filter', name: 'DOCKER-USER', handle: 1 } }] });
    if (text.startsWith('list')) return JSON.stringify({ nftables: rules });
    if (failures-- <= 0) return '';
    if (failures === 0) rules = [];
    throw new KernelError('nft', 'ENOENT', '');
  };
  const foreign = new ForeignChains(new NftablesJson(kernel), 'bayplan');
  foreign.close();
  expect(kernel.of('nft').map(([text]) => text)).toEqual(['list chains', 'list chain ip filter DOCKER-USER', 'delete rule ip filter DOCKER-USER handle 5\n', 'list chains', 'list chain ip filter DOCKER-USER']);
  rules = [{ rule: { handle: 5, comment: 'bayplan' } }];
  failures = 10;
  expect(() => foreign.close()).toThrow(KernelError);
});
