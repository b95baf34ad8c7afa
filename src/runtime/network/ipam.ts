import { BayplanError } from '../../state/bayplan-error.ts';
import type { Ipam } from '../../state/network.ts';
import { addressOf, addressText, type Cidr, cidrAt, cidrOf, cidrText, contains, overlaps } from './cidr.ts';

/** Where a network's addresses come from. `range` is the part that free addresses are given from. */
export interface Subnet { readonly subnet: Cidr; readonly gateway: number; readonly range: Cidr }

/** Docker's default pools: 172.17.0.0/16 … 172.31.0.0/16, then 192.168.0.0/20 … 192.168.240.0/20. */
const POOLS: readonly Cidr[] = [
  ...Array.from({ length: 15 }, (_, index) => cidrAt((172 * 256 + 17 + index) * 65536, 16)),
  ...Array.from({ length: 16 }, (_, index) => cidrAt((192 * 256 + 168) * 65536 + index * 4096, 20)),
];

/**
 * Chooses a network's subnet and gateway. `own` are the subnets of this engine's other networks, by name; `routes` is what the host reaches
 * otherwise (without its default route): pools avoid both, a subnet that was asked for avoids `own` only. `offset` turns the order of the pools, so
 * that engines that start at the same time do not choose alike. Throws BayplanError `subnet-taken` or `bad-request`.
 */
export function chooseSubnet(name: string, wanted: Ipam, own: ReadonlyMap<string, Cidr>, routes: readonly Cidr[], offset: number): Subnet {
  const subnet = wanted.subnet === '' ? freePool(name, own, routes, offset) : checkedSubnet(name, wanted.subnet, own);
  const gateway = wanted.gateway === '' ? subnet.first + 1 : addressOf(wanted.gateway);
  if (gateway === null || !contains(subnet, gateway)) {
    throw new BayplanError('bad-request', `network ${name}: gateway "${wanted.gateway}" is not an address in ${cidrText(subnet)}`);
  }
  return { subnet, gateway, range: rangeIn(name, wanted.ipRange, subnet) };
}

/** What `chooseSubnet` chose, from its record. */
export function subnetOf(name: string, spec: Ipam, chosen: { subnet: string; gateway: string }): Subnet {
  const subnet = cidrOf(chosen.subnet, `network ${name}`);
  const gateway = addressOf(chosen.gateway);
  if (gateway === null) throw new BayplanError('record-damaged', `network ${name}: its record has the gateway "${chosen.gateway}"`);
  return { subnet, gateway, range: rangeIn(name, spec.ipRange, subnet) };
}

function freePool(name: string, own: ReadonlyMap<string, Cidr>, routes: readonly Cidr[], offset: number): Cidr {
  const taken = [...own.values(), ...routes];
  for (let index = 0; index < POOLS.length; index++) {
    const pool = POOLS[(index + offset) % POOLS.length];
    if (pool !== undefined && !taken.some((other) => overlaps(pool, other))) return pool;
  }
  throw new BayplanError('subnet-taken', `network ${name}: all ${POOLS.length} address pools overlap with networks or routes of this host; remove networks, or give it a subnet (ipam: config: subnet)`);
}

function checkedSubnet(name: string, text: string, own: ReadonlyMap<string, Cidr>): Cidr {
  const subnet = cidrOf(text, `network ${name}: subnet`);
  if (subnet.prefix < 8 || subnet.prefix > 30) throw new BayplanError('bad-request', `network ${name}: subnet ${text} has ${subnet.prefix} bits of prefix, expected 8 to 30`);
  for (const [other, taken] of own) {
    if (overlaps(subnet, taken)) throw new BayplanError('subnet-taken', `network ${name}: subnet ${cidrText(subnet)} overlaps with ${cidrText(taken)} of network ${other}; choose another`);
  }
  return subnet;
}

function rangeIn(name: string, text: string, subnet: Cidr): Cidr {
  if (text === '') return subnet;
  const range = cidrOf(text, `network ${name}: ip_range`);
  if (!contains(subnet, range.first) || !contains(subnet, range.last)) {
    throw new BayplanError('bad-request', `network ${name}: ip_range ${text} is not inside ${cidrText(subnet)}`);
  }
  return range;
}

/** The addresses of one network. Free ones are given in a circle, so that one just released rests as long as possible. */
export class AddressPool {
  readonly #name: string;
  readonly #subnet: Subnet;
  readonly #byOwner = new Map<string, number>();
  readonly #taken = new Map<number, string>();
  #next: number;

  constructor(name: string, subnet: Subnet) {
    this.#name = name;
    this.#subnet = subnet;
    this.#next = subnet.range.first;
    this.#taken.set(subnet.gateway, 'the gateway');
  }

  get owners(): readonly string[] {
    return [...this.#byOwner.keys()];
  }

  /** The same owner gets the same address again. Throws BayplanError `address-taken`, `addresses-exhausted` or `bad-request`. */
  allocate(owner: string, wanted: string | null): string {
    const held = this.#byOwner.get(owner);
    if (held !== undefined && (wanted === null || addressText(held) === wanted)) return addressText(held);
    const address = wanted === null ? this.#free() : this.#checked(owner, wanted);
    if (held !== undefined) this.#taken.delete(held);
    this.#byOwner.set(owner, address);
    this.#taken.set(address, owner);
    if (wanted === null) this.#next = address + 1;
    return addressText(address);
  }

  release(owner: string): void {
    const held = this.#byOwner.get(owner);
    if (held === undefined) return;
    this.#byOwner.delete(owner);
    this.#taken.delete(held);
  }

  #free(): number {
    const { subnet, range } = this.#subnet;
    const size = range.last - range.first + 1;
    for (let tried = 0; tried < size; tried++) {
      const address = range.first + ((this.#next - range.first + tried) % size);
      if (address !== subnet.first && address !== subnet.last && !this.#taken.has(address)) return address;
    }
    throw new BayplanError('addresses-exhausted', `network ${this.#name}: all addresses of ${cidrText(range)} are given; remove containers or use a larger subnet`);
  }

  #checked(owner: string, wanted: string): number {
    const { subnet } = this.#subnet;
    const address = addressOf(wanted);
    if (address === null || !contains(subnet, address) || address === subnet.first || address === subnet.last) {
      throw new BayplanError('bad-request', `network ${this.#name}: "${wanted}" is not an address for a container in ${cidrText(subnet)}`);
    }
    const holder = this.#taken.get(address);
    if (holder !== undefined && holder !== owner) throw new BayplanError('address-taken', `network ${this.#name}: ${wanted} belongs to ${holder}; choose another`);
    return address;
  }
}
