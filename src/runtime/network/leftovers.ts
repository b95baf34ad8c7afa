import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Paths } from '../../state/paths.ts';
import type { Kernel } from '../kernel.ts';
import { listLinks, removeLinks } from './bridge.ts';
import { requestLinks } from './link-request.ts';
import { linkDelete } from './rtnetlink.ts';

/** Removes what an engine that was killed left half-made: pinned namespaces of none of `running` (ids), and links of ours in none of `groups`; null: not all groups are known, and no links go. */
export async function removeLeftovers(kernel: Kernel, paths: Paths, running: ReadonlySet<string>, groups: ReadonlySet<number> | null): Promise<void> {
  const alive = new Set([...running].map((id) => id.slice(0, 16)));
  for (const name of existsSync(paths.netns) ? await readdir(paths.netns) : []) if (!alive.has(name)) await kernel.removeNetns(join(paths.netns, name));
  if (running.size === 0) kernel.detachMount(paths.netns);
  if (groups === null) return;

  const isOurs = (name: string): boolean => name.startsWith(paths.linkPrefix) && /^[0-9a-f]{8}$/.test(name.slice(paths.linkPrefix.length));
  const links = (await listLinks(kernel)).filter((link) => isOurs(link.name));
  const strange = links.filter((link) => !groups.has(link.group));
  for (const group of new Set(strange.map((link) => link.group))) if (group !== 0) await removeLinks(kernel, group);
  // A bridge comes up last of all: one that is down and has no port was never finished. It is missing then, and made by whoever needs it.
  const halfMade = links.filter((link) => link.kind === 'bridge' && !link.up && !links.some((other) => other.master === link.index));
  await requestLinks(kernel, null, [...strange.filter((link) => link.group === 0), ...halfMade].map((link) => ({ about: `link ${link.name}`, message: linkDelete(link.index), accept: ['ENODEV'] })));
}
