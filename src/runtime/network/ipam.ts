import { BayplanError } from '../../state/bayplan-error.ts';
import { type Address, addressOf, addressText, type Cidr, cidrAt, cidrOf, cidrText, contains, type Family, overlaps } from '../../state/cidr.ts';
import type { IpamPool, NetworkSpec } from '../../state/network.ts';
import { type AddressSpace, DEFAULT_SPACES, freeSubnet, whyUnfit } from './address-spaces.ts';

/** Where addresses of one family come from. `range` is the part that free ones are given from, `reserved` what is never given, and whose it is. */
export interface Subnet { readonly subnet: Cidr; readonly gateway: Address; readonly range: Cidr; readonly reserved: ReadonlyMap<bigint, string> }

/** What a new subnet must not overlap with: those of this engine's other networks by name, and what the host reaches otherwise. */
export interface TakenSubnets { readonly own: ReadonlyMap<string, readonly Cidr[]>; readonly routes: readonly Cidr[] }

/**
 * How a choice is made: `offset` turns the order of the default pools, so that engines that start at the same time do not choose alike; `id` is the network's;
 * `spaces` are those that somebody has set, in their order; null: the default ones.
 */
export interface Choice { readonly offset: number; readonly id: string; readonly spaces: readonly AddressSpace[] | null }

/** Shortest and longest prefix of a subnet that was asked for. */
const PREFIXES: Readonly<Record<Family, readonly [number, number]>> = { 4: [8, 30], 6: [8, 126] };
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

function freePool(name: string, family: Family, { own, routes }: TakenSubnets, choice: Choice): Cidr {
  const taken = [...[...own.values()].flat(), ...routes];
  const set = (choice.spaces ?? []).filter(({ base }) => base.family === family);
  const spaces = set.length > 0 ? set : defaultSpaces(family, choice);
  for (const space of spaces) {
    const free = freeSubnet(space, taken);
    if (free !== null) return free;
  }
  const which = set.length > 0 ? `no subnet is left in the engine's default-address-pools (${set.map(({ base, size }) => `${cidrText(base)} by /${size}`).join(', ')}): all overlap` : `all ${spaces.length} address pools overlap`;
  throw new BayplanError('subnet-taken', `network ${name}: ${which} with networks or routes of this host; remove networks, or give it a subnet (ipam: config: subnet)`);
}

function defaultSpaces(family: Family, { offset, id }: Choice): readonly AddressSpace[] {
  return family === 4 ? DEFAULT_SPACES.map((space, index) => DEFAULT_SPACES[(index + offset) % DEFAULT_SPACES.length] ?? space) : localPools(id);
}

/** Unique local networks (RFC 4193) whose 56 random bits are the network's id: two of them never meet. */
function localPools(id: string): readonly AddressSpace[] {
  return [0, 14, 28, 42].map((at) => ({ base: cidrAt({ family: 6, bits: BigInt(`0xfd${id.slice(at, at + 14)}`) << 64n }, 64), size: 64 }));
}

function checkedSubnet(name: string, text: string, own: ReadonlyMap<string, readonly Cidr[]>): Cidr {
  const subnet = cidrOf(text, `network ${name}: subnet`);
  const [shortest, longest] = PREFIXES[subnet.family];
  if (subnet.prefix < shortest || subnet.prefix > longest) {
    throw new BayplanError('bad-request', `network ${name}: subnet ${text} has ${subnet.prefix} bits of prefix, expected ${shortest} to ${longest}`);
  }
  const unfit = whyUnfit(subnet);
  if (unfit !== null) throw new BayplanError('bad-request', `network ${name}: subnet ${text} ${unfit}; choose another`);
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
