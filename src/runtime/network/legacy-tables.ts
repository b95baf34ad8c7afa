import { existsSync, readFileSync } from 'node:fs';

const FILES = { 'iptables-legacy': '/proc/net/ip_tables_names', 'ip6tables-legacy': '/proc/net/ip6_tables_names' } as const;

/** A line for each of the old packet filters that has rules: nftables cannot see them, so neither can this program. */
export function legacyNotices(read: (path: string) => string = readIfThere): readonly string[] {
  return Object.entries(FILES).filter(([, path]) => read(path).split('\n').includes('filter'))
    .map(([program, path]) => `${program} has a filter table (${path}), which cannot be seen from nftables: should its FORWARD chain drop packets, containers are cut off; look with "${program} -S FORWARD"`);
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
