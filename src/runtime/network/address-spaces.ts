import * as z from 'zod';
import { type Cidr, cidrOf, cidrText, type Family, overlaps, parseCidr } from '../../state/cidr.ts';

/** What subnets of networks that name none are cut from: `size` is the prefix of each. */
export interface AddressSpace { readonly base: Cidr; readonly size: number }

/** Docker's: 172.17.0.0/16 … 172.31.0.0/16, then 192.168.0.0/20 … 192.168.240.0/20. IPv6 has none: unique local networks are made from the network's id. */
export const DEFAULT_SPACES: readonly AddressSpace[] = [
  ...Array.from({ length: 15 }, (_, index) => ({ base: cidrOf(`172.${17 + index}.0.0/16`, 'pool'), size: 16 })),
  ...Array.from({ length: 16 }, (_, index) => ({ base: cidrOf(`192.168.${index * 16}.0/20`, 'pool'), size: 20 })),
];
/** What no container can have an address of. */
const UNFIT: readonly { readonly range: Cidr; readonly why: string }[] = ([
  ['0.0.0.0/8', 'has the address that means none'], ['127.0.0.0/8', 'is loopback'], ['224.0.0.0/4', 'is for multicast'],
  ['::/127', 'has the address that means none, or loopback'], ['ff00::/8', 'is for multicast'],
] as const).map(([range, why]) => ({ range: cidrOf(range, 'range'), why }));
/** Longest prefix of a subnet that still has room for the gateway and a container. */
const LONGEST: Readonly<Record<Family, number>> = { 4: 30, 6: 126 };

/** `default-address-pools`, as in Docker's daemon.json. */
export const AddressSpaces = z.array(z.strictObject({ base: z.string(), size: z.int() }).transform((pool, context): AddressSpace => {
  const base = parseCidr(pool.base);
  if (base === null) {
    context.addIssue({ code: 'custom', path: ['base'], message: `"${pool.base}" is not a network, expected one as 10.9.0.0/16 or fd00:9::/56` });
    return z.NEVER;
  }
  if (pool.size < base.prefix || pool.size > LONGEST[base.family]) context.addIssue({ code: 'custom', path: ['size'], message: `${pool.size}: expected a prefix from ${base.prefix} (that of ${cidrText(base)}) to ${LONGEST[base.family]}` });
  const unfit = whyUnfit(base);
  if (unfit !== null) context.addIssue({ code: 'custom', path: ['base'], message: `${cidrText(base)} ${unfit}; choose another` });
  return { base, size: pool.size };
})).min(1, 'expected at least one pool, as { "base": "10.9.0.0/16", "size": 24 }');

/** Why no container can have an address of a network; null: it can. */
export function whyUnfit(network: Cidr): string | null {
  return UNFIT.find(({ range }) => overlaps(network, range))?.why ?? null;
}

/** The first subnet of a space that overlaps with nothing that is taken; null: there is none. */
export function freeSubnet({ base, size }: AddressSpace, taken: readonly Cidr[]): Cidr | null {
  const length = 1n << BigInt((base.family === 4 ? 32 : 128) - size);
  for (let first = base.first; first <= base.last;) {
    const subnet: Cidr = { family: base.family, first, last: first + length - 1n, prefix: size };
    const inWay = taken.find((other) => overlaps(subnet, other));
    if (inWay === undefined) return subnet;
    first = (inWay.last > subnet.last ? inWay.last : subnet.last) + 1n; // past a large one at once: a space may have more subnets than can be tried
  }
  return null;
}
