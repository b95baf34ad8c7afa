import { expect, test } from 'vitest';
import { droppingChains, ForeignChains } from '../../../src/runtime/network/foreign-chains.ts';
import { type Chain, NftablesJson } from '../../../src/runtime/network/nftables-json.ts';
import { FakeKernel } from '../../fake-kernel.ts';

const chain = (table: string, name: string, hook = '', policy = '', family = 'ip'): Chain => ({ family, table, name, hook, policy });

test('base chains at forward that drop, and DOCKER-USER where it is beside them', () => {
  const forward = chain('filter', 'FORWARD', 'forward', 'drop');
  const user = chain('filter', 'DOCKER-USER');
  const ufw = chain('ufw', 'fwd', 'forward', 'drop', 'inet');
  const others = [chain('filter', 'INPUT', 'input', 'drop'), chain('x', 'FORWARD', 'forward', 'accept'), chain('filter', 'FORWARD', 'forward', 'drop', 'ip6'), chain('bayplan', 'forward', 'forward', 'drop', 'inet')];
  expect(droppingChains([forward, ...others], 'bayplan')).toEqual([forward]);
  expect(droppingChains([forward, user, ufw, ...others], 'bayplan')).toEqual([user, ufw]);
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
  const foreign = new ForeignChains(new NftablesJson(kernel), { table: 'bayplan', linkPrefix: 'bp-' });
  foreign.open();
  const insert = 'insert rule ip filter FORWARD iifname "bp-*" counter accept comment "bayplan"\ninsert rule ip filter FORWARD oifname "bp-*" counter accept comment "bayplan"\n';
  expect(changes()).toEqual([insert]);
  expect(foreign.notices()).toEqual([expect.stringContaining('ip filter FORWARD drops forwarded packets')]);
  rules = [{ rule: { handle: 5, comment: 'bayplan' } }, { rule: { handle: 6 } }, { rule: { handle: 7, comment: 'bayplan' } }];
  foreign.open();
  expect(changes()).toHaveLength(1);
  rules = rules.slice(1);
  foreign.open();
  expect(changes()[1]).toBe(`delete rule ip filter FORWARD handle 7\n${insert}`);
  foreign.close();
  expect(changes()[2]).toBe('delete rule ip filter FORWARD handle 7\n');
  expect(foreign.notices()).toEqual([]);
});
