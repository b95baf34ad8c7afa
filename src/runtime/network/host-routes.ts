import type { Cidr, Family } from '../../state/cidr.ts';
import type { Kernel } from '../kernel.ts';
import { requestLinks } from './link-request.ts';
import { readRoute, routeDump } from './rtnetlink.ts';
import { ALL_FAMILIES } from './table-ports.ts';

/** Routes with fewer bits lead to the world (a VPN's 0.0.0.0/1), not to a network of the host's. */
const NARROWEST: Readonly<Record<Family, number>> = { 4: 8, 6: 16 };

/** The networks this host reaches, of all tables. */
export async function hostRoutes(kernel: Kernel): Promise<readonly Cidr[]> {
  const answers = await requestLinks(kernel, null, ALL_FAMILIES.map((family) => ({ about: `IPv${family} routes`, message: routeDump(family), accept: ['ENOTSUP', 'EAFNOSUPPORT'] })));
  return answers.flatMap((answer) => answer.payloads).map((payload) => readRoute(payload).destination).filter(({ family, prefix }) => prefix >= NARROWEST[family]);
}
