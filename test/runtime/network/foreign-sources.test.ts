import { expect, test } from 'vitest';
import { cidrText } from '../../../src/state/cidr.ts';
import { foreignSources } from '../../../src/runtime/network/foreign-sources.ts';
import { NftablesJson } from '../../../src/runtime/network/nftables-json.ts';
import { FakeKernel } from '../../fake-kernel.ts';

test("the networks of others' masquerading, as Docker leaves it", () => {
  const kernel = new FakeKernel();
  const saddr = { payload: { protocol: 'ip', field: 'saddr' } };
  const rule = (...expr: readonly object[]): object => ({ rule: { family: 'ip', table: 'nat', chain: 'POSTROUTING', handle: 7, expr } });
  kernel.answers.nft = (text) => JSON.stringify({
    nftables: text === 'list chains'
      ? [{ chain: { family: 'ip', table: 'nat', name: 'POSTROUTING', hook: 'postrouting', policy: 'accept' } }, { chain: { family: 'ip', table: 'nat', name: 'DOCKER' } },
        { chain: { family: 'inet', table: 'bayplan', name: 'postrouting', hook: 'postrouting' } }]
      : [rule({ match: { op: '==', left: saddr, right: { prefix: { addr: '172.17.0.0', len: 16 } } } }, { counter: {} }, { masquerade: null }),
        rule({ match: { op: '!=', left: saddr, right: { prefix: { addr: '172.18.0.0', len: 16 } } } }), rule({ xt: null })],
  });
  expect(foreignSources(new NftablesJson(kernel), 'bayplan').map(cidrText)).toEqual(['172.17.0.0/16']);
  expect(kernel.of('nft').map(([text]) => text)).toEqual(['list chains', 'list chain ip nat POSTROUTING']);
});
