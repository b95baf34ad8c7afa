import type { Kernel } from '../kernel.ts';
import type { Cidr } from './cidr.ts';
import { requestLinks } from './link-request.ts';
import { readRoute, routeDump } from './rtnetlink.ts';

/** Routes with fewer bits lead to the world (a VPN's 0.0.0.0/1), not to a network of the host's. */
const NARROWEST = 8;

/** The IPv4 networks this host reaches, of all tables. */
export async function hostRoutes(kernel: Kernel): Promise<readonly Cidr[]> {
  const [answer] = await requestLinks(kernel, null, [{ about: 'routes', message: routeDump() }]);
  return (answer?.payloads ?? []).map((payload) => readRoute(payload).destination).filter((network) => network.prefix >= NARROWEST);
}
