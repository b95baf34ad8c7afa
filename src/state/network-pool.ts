import { addressOf, contains, parseCidr } from './cidr.ts';
import type { IpamPool, NetworkStatus } from './network.ts';

/** The pool of a network that an address is from. */
export function poolOf(status: NetworkStatus, address: string): IpamPool | null {
  const wanted = addressOf(address);
  if (wanted === null) return null;
  return status.pools.find(({ subnet }) => {
    const network = parseCidr(subnet);
    return network !== null && contains(network, wanted);
  }) ?? null;
}

/** Bits of the prefix of an address's network, 0 where it is in none. */
export function prefixOf(status: NetworkStatus | null, address: string): number {
  const pool = status === null ? null : poolOf(status, address);
  return pool === null ? 0 : parseCidr(pool.subnet)?.prefix ?? 0;
}
