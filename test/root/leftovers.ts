import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Paths } from '../../src/state/paths.ts';
import { pinned } from './pinned.ts';

/** What of an engine's is on this machine, by the kernel's own word: links, mounts, cgroups, table, namespaces, processes, files. */
export function leftovers(paths: Paths): readonly string[] {
  const found: string[] = [];
  const links: unknown = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' }));
  if (Array.isArray(links)) for (const { ifname } of links) if (String(ifname).startsWith(paths.linkPrefix)) found.push(`link ${ifname}`);
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const at = line.split(' ')[4] ?? '';
    if (at.startsWith(`${paths.root}/`) || (at.startsWith(`${paths.run}/`) && ![paths.netns, paths.userns, ...[paths.netns, paths.userns].map((folder) => join(folder, 'pins')), paths.bundles, paths.zones].includes(at) && !at.startsWith(`${paths.run}/core-`))) found.push(`mount ${at}`);
  }
  for (const folder of containerCgroups(paths)) found.push(`cgroup ${folder}`);
  const tables = execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n');
  if (tables.includes(`table inet ${paths.table}`) && elements(paths).length > 0) found.push(...elements(paths).map((element) => `nft element ${element}`));
  for (const [folder, what] of [[paths.netns, 'namespace'], [paths.bundles, 'bundle'], [paths.containers, 'container'], [paths.zones, 'zone'], [paths.stacks, 'stack']] as const) {
    const names = [paths.netns, paths.userns].includes(folder) ? pinned(folder).keys() : existsSync(folder) ? readdirSync(folder) : [];
    for (const name of names) found.push(`${what} ${name}`);
  }
  found.push(...processes(paths).map(({ pid, words }) => `process ${pid} ${words.join(' ')}`));
  return found;
}

/** Shims and other programs of the core that serve this engine. */
export function processes(paths: Paths): readonly { pid: number; words: readonly string[] }[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (!words.some((word) => word.startsWith(`${paths.bundles}/`) || word.startsWith(`${paths.carriers}/`))) return [];
      return readlinkSync(`/proc/${pid}/exe`).includes('bayplan-core') ? [{ pid: Number(pid), words }] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** Folders of the containers' cgroups. */
export function containerCgroups(paths: Paths): readonly string[] {
  return cgroups(paths).flatMap(([, folder]) => readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'engine').map(({ name }) => join(folder, name)));
}

function cgroups(paths: Paths): readonly (readonly [string, string])[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => / - cgroup2? /.test(line)).map((line) => line.split(' ')[4] ?? '');
  return mounts.map((mount) => [mount, join(mount, paths.cgroup)] as const).filter(([, folder]) => existsSync(folder));
}

/** Elements of the maps that publish ports. */
function elements(paths: Paths): readonly string[] {
  const listing: unknown = JSON.parse(execFileSync('nft', ['-j', 'list', 'table', 'inet', paths.table], { encoding: 'utf8' }));
  const entries = typeof listing === 'object' && listing !== null && 'nftables' in listing && Array.isArray(listing.nftables) ? listing.nftables : [];
  return entries.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null || !('map' in entry)) return [];
    const { map } = entry;
    return typeof map === 'object' && map !== null && 'elem' in map && Array.isArray(map.elem) ? map.elem.map((element) => JSON.stringify(element)) : [];
  });
}
