import { BayplanError } from '../../state/bayplan-error.ts';
import type { Networks } from '../network/networks.ts';
import type { ContainerRecord } from './record.ts';

/** Codes of what a network answers that has not got an address any more. */
const GONE = new Set(['bad-request', 'address-taken']);
type Kept = Pick<ContainerRecord, 'id' | 'spec' | 'addresses' | 'ipv6Addresses'>;

/** Keeps the addresses of a container from others, where its networks are there and have them. One that was removed and made again while the container did not run may not. */
export function keepAddresses(networks: Pick<Networks, 'spec' | 'allocate'>, { id, addresses, ipv6Addresses }: Kept): void {
  for (const [network, ipv4] of Object.entries(addresses)) {
    if (networks.spec(network) !== null) orElse(() => networks.allocate(network, id, { ipv4, ipv6: ipv6Addresses[network] ?? null }), () => undefined);
  }
}

/**
 * What of a container's addresses is to be others from this start on: of networks that were removed and made again, and have not got the former ones. Throws BayplanError `network-not-found` where one is
 * not there, and what `allocate` throws of those that are fixed.
 */
export function renewAddresses(networks: Pick<Networks, 'allocate'>, { id, spec, addresses, ipv6Addresses }: Kept): Pick<ContainerRecord, 'addresses' | 'ipv6Addresses'> | null {
  const [fours, sixes] = [new Map(Object.entries(addresses)), new Map(Object.entries(ipv6Addresses))];
  let changed = false;
  for (const [network, { ipv4Address, ipv6Address }] of Object.entries(spec.networks)) {
    const { ipv4, ipv6 } = orElse(
      () => networks.allocate(network, id, { ipv4: addresses[network] ?? ipv4Address, ipv6: ipv6Addresses[network] ?? ipv6Address }), () => networks.allocate(network, id, { ipv4: ipv4Address, ipv6: ipv6Address }),
    );
    if (ipv4 === addresses[network] && ipv6 === (ipv6Addresses[network] ?? '')) continue;
    changed = true;
    fours.set(network, ipv4);
    if (ipv6 === '') sixes.delete(network);
    else sixes.set(network, ipv6);
  }
  return changed ? { addresses: Object.fromEntries(fours), ipv6Addresses: Object.fromEntries(sixes) } : null;
}

function orElse<T, U>(first: () => T, otherwise: () => U): T | U {
  try {
    return first();
  } catch (error) {
    if (!(error instanceof BayplanError && GONE.has(error.code))) throw error;
    return otherwise();
  }
}
