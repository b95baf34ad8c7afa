import type { Kernel } from '../kernel.ts';
import { listLinks, removeLinks } from './bridge.ts';
import { requestLinks } from './link-request.ts';
import { linkDelete } from './rtnetlink.ts';

/** Removes what an engine that was killed left half-made: links whose name begins with `prefix`, and which are in none of `groups`. */
export async function removeLeftovers(kernel: Kernel, prefix: string, groups: ReadonlySet<number>): Promise<void> {
  const isOurs = (name: string): boolean => name.startsWith(prefix) && /^[0-9a-f]{8}$/.test(name.slice(prefix.length));
  const links = (await listLinks(kernel)).filter((link) => isOurs(link.name));
  const strange = links.filter((link) => !groups.has(link.group));
  for (const group of new Set(strange.map((link) => link.group))) if (group !== 0) await removeLinks(kernel, group);
  // A bridge comes up last of all: one that is down and has no port was never finished. It is missing then, and made by whoever needs it.
  const halfMade = links.filter((link) => link.kind === 'bridge' && !link.up && !links.some((other) => other.master === link.index));
  await requestLinks(kernel, null, [...strange.filter((link) => link.group === 0), ...halfMade].map((link) => ({ about: `link ${link.name}`, message: linkDelete(link.index), accept: ['ENODEV'] })));
}
