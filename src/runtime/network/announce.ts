import { setTimeout as sleep } from 'node:timers/promises';
import type { Kernel } from '../kernel.ts';
import { type EndpointLink, hardwareAddress } from './endpoint-links.ts';
import { requestLinks } from './link-request.ts';
import { linkGet, linkSetMac, readPortForwards } from './rtnetlink.ts';

/** How long a bridge is waited for. It begins to pass on what a new port sends once a worker of the kernel has seen its carrier. */
const LONGEST_MS = 200;
const PAUSE_MS = 2;

/** Tells the neighbours of links, in the namespace at `path`, where their addresses are by now. It goes to every port of their bridges: not without need. */
export async function announce(kernel: Kernel, path: string, links: readonly EndpointLink[]): Promise<void> {
  const told = links.flatMap((link) => {
    const mac = link.announced ? hardwareAddress(link) : null;
    return mac === null ? [] : [{ link, mac }];
  });
  if (told.length === 0) return;
  await Promise.all(told.flatMap(({ link: { uplink } }) => (uplink.kind === 'veth' ? [forwards(kernel, uplink.name)] : [])));
  await requestLinks(kernel, path, told.map(({ link: { name, index }, mac }) => ({ about: name, message: linkSetMac(index, mac) })));
}

async function forwards(kernel: Kernel, port: string): Promise<void> {
  for (const until = Date.now() + LONGEST_MS; Date.now() < until; await sleep(PAUSE_MS)) {
    const [answer] = await requestLinks(kernel, null, [{ about: `port ${port}`, message: linkGet(port), accept: ['ENODEV'] }]);
    const [payload] = answer?.payloads ?? [];
    if (payload === undefined || readPortForwards(payload)) return; // one that is gone already is the affair of whoever took it away
  }
}
