import { randomBytes } from 'node:crypto';
import { BayplanError } from '../../state/bayplan-error.ts';
import { addressOf, cidrText, contains, type Family } from '../../state/cidr.ts';
import type { Network, NetworkSpec } from '../../state/network.ts';
import { networkOptions, type NetworkOptions } from '../../state/network-options.ts';
import { AddressPool } from './address-pool.ts';
import { linkExists } from './bridge.ts';
import type { LinkAddress } from './endpoint-links.ts';
import { type Subnet, subnetOf } from './ipam.ts';
import type { NetworkRecord } from './network-record.ts';
import type { Addresses, WantedAddresses } from './networks.ts';
import type { TableNetwork } from './table.ts';

/** A network that there is: its record, read. */
export class NetworkEntry {
  #record: NetworkRecord;
  readonly options: NetworkOptions;
  readonly subnets: readonly Subnet[];
  readonly #ipv4: AddressPool;
  readonly #ipv6: AddressPool | null;

  constructor(record: NetworkRecord) {
    this.#record = record;
    this.options = networkOptions(record.name, record.spec);
    this.subnets = record.pools.map((pool) => subnetOf(record.name, pool));
    const pool = (family: Family): AddressPool => new AddressPool(record.name, this.subnets.filter(({ subnet }) => subnet.family === family));
    this.#ipv4 = pool(4);
    this.#ipv6 = record.spec.ipv6 ? pool(6) : null;
  }

  get record(): NetworkRecord {
    return this.#record;
  }

  /** The same record with other labels. */
  label(record: NetworkRecord): void {
    this.#record = record;
  }

  get name(): string {
    return this.record.name;
  }

  /** Name of its zone file. */
  get zone(): string {
    return this.record.id.slice(0, 16);
  }

  get owners(): readonly string[] {
    return this.#ipv4.owners;
  }

  view(): Network {
    const { stack, spec, id, link, pools, createdAt } = this.record;
    return { stack, spec, status: { id, link, pools: [...pools], createdAt, present: linkExists(link) } };
  }

  /** Whether it leads nowhere but to its own containers. */
  get internal(): boolean {
    return this.record.spec.internal || (this.record.spec.driver !== 'bridge' && this.options.parent === '');
  }

  /** What the packet rules say of it; null where its packets do not pass the host. */
  rules(): TableNetwork | null {
    const { link, spec } = this.record;
    if (spec.driver !== 'bridge') return null;
    const subnets = this.subnets.map(({ subnet }) => ({ family: subnet.family, cidr: cidrText(subnet) }));
    return { link, subnets, internal: spec.internal, masquerade: this.options.masquerade };
  }

  allocate(owner: string, wanted: WantedAddresses): Addresses {
    if (wanted.ipv6 !== null && this.#ipv6 === null) throw new BayplanError('bad-request', `network ${this.record.name}: it has no IPv6, so ${wanted.ipv6} cannot be had there: give it enable_ipv6 and a subnet`);
    const before = this.#ipv4.owners.includes(owner);
    const ipv4 = this.#ipv4.allocate(owner, wanted.ipv4);
    try {
      return { ipv4, ipv6: this.#ipv6?.allocate(owner, wanted.ipv6) ?? '' };
    } catch (error) {
      if (!before) this.#ipv4.release(owner);
      throw error;
    }
  }

  release(owner: string): void {
    this.#ipv4.release(owner);
    this.#ipv6?.release(owner);
  }

  /** An address of the network's with what a link needs to know beside it; none for ''. */
  linkAddress(text: string): readonly LinkAddress[] {
    const address = addressOf(text);
    const found = address === null ? undefined : this.subnets.find(({ subnet }) => contains(subnet, address));
    if (address === null || found === undefined) return [];
    return [{ address, network: found.subnet, gateway: this.#routes() ? found.gateway : null }];
  }

  /** On an ipvlan of layer 3 there is nobody to send to: the host's own routes decide. */
  #routes(): boolean {
    return this.record.spec.driver !== 'ipvlan' || this.options.mode === 'l2';
  }
}

/** What the names in the kernel are made of (of `id` where one is given): 28 random bits above the small numbers that administrators use for groups. */
export function newNetworkNames(linkPrefix: string, spec: NetworkSpec, options: NetworkOptions, id = randomBytes(32).toString('hex')): Pick<NetworkRecord, 'id' | 'link' | 'group'> {
  const wanted = spec.driver === 'bridge' ? options.bridgeName : options.parent;
  return { id, link: wanted === '' ? `${linkPrefix}${id.slice(0, 8)}` : wanted, group: 0x10000000 + Number.parseInt(id.slice(8, 15), 16) };
}
