import { BayplanError } from '../../state/bayplan-error.ts';
import { type Address, addressOf, addressText, cidrText, contains } from '../../state/cidr.ts';
import type { Subnet } from './ipam.ts';

interface Part { readonly subnet: Subnet; next: bigint }

/**
 * The addresses of one network, of one family. Free ones are given in a circle, so that one just released rests as long as possible; where a
 * subnet is full the next one serves.
 */
export class AddressPool {
  readonly #name: string;
  readonly #parts: readonly Part[];
  readonly #byOwner = new Map<string, bigint>();
  readonly #taken = new Map<bigint, string>();

  constructor(name: string, subnets: readonly Subnet[]) {
    this.#name = name;
    this.#parts = subnets.map((subnet) => ({ subnet, next: subnet.range.first }));
    for (const { reserved } of subnets) for (const [address, owner] of reserved) this.#taken.set(address, owner);
  }

  get owners(): readonly string[] {
    return [...this.#byOwner.keys()];
  }

  /** The same owner gets the same address again. Throws BayplanError `address-taken`, `addresses-exhausted` or `bad-request`. */
  allocate(owner: string, wanted: string | null): string {
    const address = wanted === null ? this.#held(owner) ?? this.#free() : this.#checked(owner, wanted);
    this.release(owner);
    this.#byOwner.set(owner, address.bits);
    this.#taken.set(address.bits, owner);
    return addressText(address);
  }

  release(owner: string): void {
    const held = this.#byOwner.get(owner);
    if (held === undefined) return;
    this.#byOwner.delete(owner);
    this.#taken.delete(held);
  }

  #held(owner: string): Address | null {
    const bits = this.#byOwner.get(owner);
    const family = this.#parts[0]?.subnet.subnet.family;
    return bits === undefined || family === undefined ? null : { family, bits };
  }

  #free(): Address {
    for (const part of this.#parts) {
      const { subnet, range } = part.subnet;
      const size = range.last - range.first + 1n;
      for (let tried = 0n; tried < size; tried++) {
        const bits = range.first + ((part.next - range.first + tried) % size);
        if (bits === subnet.first || bits === subnet.last || this.#taken.has(bits)) continue;
        part.next = bits + 1n;
        return { family: subnet.family, bits };
      }
    }
    const ranges = this.#parts.map(({ subnet }) => cidrText(subnet.range)).join(' and ');
    throw new BayplanError('addresses-exhausted', `network ${this.#name}: all addresses of ${ranges} are given; remove containers or use a larger subnet`);
  }

  #checked(owner: string, wanted: string): Address {
    const address = addressOf(wanted);
    const subnet = address === null ? undefined : this.#parts.find((part) => contains(part.subnet.subnet, address))?.subnet.subnet;
    if (address === null || subnet === undefined || address.bits === subnet.first || address.bits === subnet.last) {
      const subnets = this.#parts.map((part) => cidrText(part.subnet.subnet)).join(' or ');
      throw new BayplanError('bad-request', `network ${this.#name}: "${wanted}" is not an address for a container in ${subnets}`);
    }
    const holder = this.#taken.get(address.bits);
    if (holder !== undefined && holder !== owner) throw new BayplanError('address-taken', `network ${this.#name}: ${wanted} belongs to ${holder}; choose another`);
    return address;
  }
}
