import type { Kernel } from '../kernel.ts';
import { listLinks } from './bridge.ts';
import { ForeignChains } from './foreign-chains.ts';
import { requestLinks } from './link-request.ts';
import { NftablesJson } from './nftables-json.ts';
import { type Link, linkDelete } from './rtnetlink.ts';

/** What engines have in the kernel's network: tables of nftables by name, and links by the prefix of their names. Whose it is, and whether that one lives, is for the caller to know. */
export interface NetworkRemains { readonly tables: ReadonlySet<string>; readonly links: ReadonlyMap<string, readonly Link[]> }

/** Those of engines that do not have the default root. */
export async function networkRemains(kernel: Kernel): Promise<NetworkRemains> {
  const links = new Map<string, Link[]>();
  for (const link of await listLinks(kernel)) {
    const [, prefix] = /^(bp[0-9a-f]{4}-)[0-9a-f]{8}$/.exec(link.name) ?? [];
    if (prefix !== undefined) links.set(prefix, [...(links.get(prefix) ?? []), link]);
  }
  const tables = new NftablesJson(kernel).tables().filter(({ family, name }) => family === 'inet' && /^bayplan-[0-9a-f]{8}$/.test(name));
  return { tables: new Set(tables.map(({ name }) => name)), links };
}

export async function removeRemainingLinks(kernel: Kernel, links: readonly Link[]): Promise<void> {
  await requestLinks(kernel, null, links.map((link) => ({ about: `link ${link.name}`, message: linkDelete(link.index), accept: ['ENODEV'] })));
}

/** Takes a table away, and the rules that bear its name in others' chains. */
export function removeRemainingRules(kernel: Kernel, table: string): void {
  const nft = new NftablesJson(kernel);
  new ForeignChains(nft, table).close();
  nft.run(`add table inet ${table}\ndelete table inet ${table}\n`);
}
