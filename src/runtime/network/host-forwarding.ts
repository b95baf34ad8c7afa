import { readdirSync } from 'node:fs';
import type { Family } from '../../state/cidr.ts';
import { readSysctl, setSysctl } from './sysctl.ts';

const IPV6 = '/proc/sys/net/ipv6/conf';
/** Values of accept_ra: taken unless the host forwards; taken always. */
const UNLESS_FORWARDING = '1';
const ALWAYS = '2';

/** What says that the host is one. */
export const FORWARDING: Readonly<Record<Family, string>> = { 4: '/proc/sys/net/ipv4/ip_forward', 6: `${IPV6}/all/forwarding` };

/** Makes the host a router for a family: bridges need it. */
export function allowForwarding(family: Family): void {
  if (family === 4) return setSysctl(FORWARDING[4], '1');
  if (readSysctl(FORWARDING[6]) !== '0') return;
  // A router takes no routes from others by itself: a host whose own default route comes that way would lose it.
  for (const link of readdirSync(IPV6)) {
    const path = `${IPV6}/${link}/accept_ra`;
    if (link !== 'all' && readSysctl(path) === UNLESS_FORWARDING) setSysctl(path, ALWAYS);
  }
  setSysctl(FORWARDING[6], '1');
}
