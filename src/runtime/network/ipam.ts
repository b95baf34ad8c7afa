import { BayplanError } from '../../state/bayplan-error.ts';
import { type Address, addressOf, addressText, type Cidr, cidrAt, cidrOf, cidrText, contains, type Family, overlaps } from '../../state/cidr.ts';
import type { IpamPool, NetworkSpec } from '../../state/network.ts';

/** Where addresses of one family come from. `range` is the part that free ones are given from, `reserved` what is never given, and whose it is. */
export interface Subnet { readonly subnet: Cidr; readonly gateway: Address; readonly range: Cidr; readonly reserved: ReadonlyMap<bigint, string> }

/** What a new subnet must not overlap with: those of this engine's other networks by name, and what the host reaches otherwise. */
export interface TakenSubnets { readonly own: ReadonlyMap<string, readonly Cidr[]>; readonly routes: readonly Cidr[] }

/** How a choice is made: `offset` turns the order of the pools, so that engines that start at the same time do not choose alike; `id` is the network's. */
export interface Choice { readonly offset: number; readonly id: string }

/** Docker's default pools: 172.17.0.0/16 … 172.31.0.0/16, then 192.168.0.0/20 … 192.168.240.0/20. */
const POOLS: readonly Cidr[] = [
  ...Array.from({ length: 15 }, (_, index) => cidrOf(`172.${17 + index}.0.0/16`, 'pool')),
  ...Array.from({ length: 16 }, (_, index) => cidrOf(`192.168.${index * 16}.0/20`, 'pool')),
];
/** Shortest and longest prefix of a subnet that was asked for. */
const PREFIXES: Readonly<Record<Family, readonly [number, number]>> = { 4: [8, 30], 6: [8, 126] };
/** What no container can have an address of. */
const UNFIT: readonly { readonly range: Cidr; readonly why: string }[] = ([
  ['0.0.0.0/8', 'has the address that means none'], ['127.0.0.0/8', 'is loopback'], ['224.0.0.0/4', 'is for multicast'],
  ['::/127', 'has the address that means none, or loopback'], ['ff00::/8', 'is for multicast'],
] as const).map(([range, why]) => ({ range: cidrOf(range, 'range'), why }));
const ANY: IpamPool = { subnet: '', gateway: '', ipRange: '', auxAddresses: {} };

/**
 * Chooses a network's pools, IPv4 first: those that were asked for, and one of the engine's own for a family that has none. Pools of the engine's
 * choice avoid all that is taken, those asked for only this engine's other networks. Throws BayplanError `subnet-taken` or `bad-request`.
 */
export function choosePools(name: string, spec: Pick<NetworkSpec, 'ipam' | 'ipv6'>, taken: TakenSubnets, choice: Choice): readonly IpamPool[] {
  const own = new Map(taken.own);
  return [...wantedOf(spec.ipam, 4), ...(spec.ipv6 ? wantedOf(spec.ipam, 6) : [])].map(({ family, pool }) => {
    const subnet = pool.subnet === '' ? freePool(name, family, { ...taken, own }, choice) : checkedSubnet(name, pool.subnet, own);
    own.set(name, [...(own.get(name) ?? []), subnet]);
    const gateway = pool.gateway === '' ? addressText({ family, bits: subnet.first + 1n }) : pool.gateway;
    const chosen = { ...pool, subnet: cidrText(subnet), gateway };
    subnetOf(name, chosen);
    return chosen;
  });
}

/** A chosen pool, read and checked. Throws BayplanError `bad-request` where its parts do not fit together. */
export function subnetOf(name: string, pool: IpamPool): Subnet {
  const subnet = cidrOf(pool.subnet, `network ${name}: subnet`);
  const within = (text: string, what: string): Address => {
    const address = addressOf(text);
    if (address === null || !contains(subnet, address)) throw new BayplanError('bad-request', `network ${name}: ${what} "${text}" is not an address in ${cidrText(subnet)}`);
    return address;
  };
  const gateway = within(pool.gateway, 'gateway');
  const auxiliary = Object.entries(pool.auxAddresses).map(([owner, text]) => [within(text, `aux_addresses.${owner}`).bits, `${owner} (aux_addresses)`] as const);
  return { subnet, gateway, range: rangeIn(name, pool.ipRange, subnet), reserved: new Map([...auxiliary, [gateway.bits, 'the gateway']]) };
}

function wantedOf(ipam: readonly IpamPool[], family: Family): readonly { readonly family: Family; readonly pool: IpamPool }[] {
  const wanted = ipam.filter(({ subnet }) => subnet.includes(':') === (family === 6));
  return (wanted.length === 0 ? [ANY] : wanted).map((pool) => ({ family, pool }));
}

function freePool(name: string, family: Family, { own, routes }: TakenSubnets, { offset, id }: Choice): Cidr {
  const taken = [...[...own.values()].flat(), ...routes];
  const pools = family === 4 ? POOLS.map((_, index) => POOLS[(index + offset) % POOLS.length]) : localPools(id);
  const free = pools.find((pool) => pool !== undefined && !taken.some((other) => overlaps(pool, other)));
  if (free !== undefined) return free;
  throw new BayplanError('subnet-taken', `network ${name}: all ${pools.length} address pools overlap with networks or routes of this host; remove networks, or give it a subnet (ipam: config: subnet)`);
}

/** Unique local networks (RFC 4193) whose 56 random bits are the network's id: two of them never meet. */
function localPools(id: string): readonly Cidr[] {
  return [0, 14, 28, 42].map((at) => cidrAt({ family: 6, bits: BigInt(`0xfd${id.slice(at, at + 14)}`) << 64n }, 64));
}

function checkedSubnet(name: string, text: string, own: ReadonlyMap<string, readonly Cidr[]>): Cidr {
  const subnet = cidrOf(text, `network ${name}: subnet`);
  const [shortest, longest] = PREFIXES[subnet.family];
  if (subnet.prefix < shortest || subnet.prefix > longest) {
    throw new BayplanError('bad-request', `network ${name}: subnet ${text} has ${subnet.prefix} bits of prefix, expected ${shortest} to ${longest}`);
  }
  const unfit = UNFIT.find((one) => overlaps(subnet, one.range));
  if (unfit !== undefined) throw new BayplanError('bad-request', `network ${name}: subnet ${text} ${unfit.why}; choose another`);
  for (const [other, subnets] of own) {
    const taken = subnets.find((one) => overlaps(subnet, one));
    if (taken !== undefined) throw new BayplanError('subnet-taken', `network ${name}: subnet ${cidrText(subnet)} overlaps with ${cidrText(taken)} of network ${other}; choose another`);
  }
  return subnet;
}

function rangeIn(name: string, text: string, subnet: Cidr): Cidr {
  if (text === '') return subnet;
  const range = cidrOf(text, `network ${name}: ip_range`);
  if (range.family !== subnet.family || range.first < subnet.first || range.last > subnet.last) {
    throw new BayplanError('bad-request', `network ${name}: ip_range ${text} is not inside ${cidrText(subnet)}`);
  }
  return range;
}
