import * as z from 'zod';
import { type Cidr, cidrOf } from '../../state/cidr.ts';
import type { NftablesJson } from './nftables-json.ts';

const SourceMatch = z.object({
  match: z.object({
    op: z.literal('=='),
    left: z.object({ payload: z.object({ protocol: z.enum(['ip', 'ip6']), field: z.literal('saddr') }) }),
    right: z.object({ prefix: z.object({ addr: z.string(), len: z.int() }) }),
  }),
});

/**
 * Networks whose packets others' rules rewrite on their way out, as Docker's "172.17.0.0/16, not by docker0: masquerade", which stays when Docker and its
 * bridge have gone. A network of ours with such a subnet would hide its containers from each other, so pools avoid them.
 */
export function foreignSources(nft: NftablesJson, ownTable: string): readonly Cidr[] {
  return nft.chains()
    .filter((chain) => chain.hook === 'postrouting' && ['ip', 'ip6', 'inet'].includes(chain.family) && chain.table !== ownTable)
    .flatMap((chain) => nft.rules(chain))
    .flatMap((rule) => rule.expr)
    .flatMap((expression) => {
      const source = SourceMatch.safeParse(expression);
      if (!source.success) return [];
      const { addr, len } = source.data.match.right.prefix;
      return [cidrOf(`${addr}/${len}`, 'a rule of others')];
    });
}
