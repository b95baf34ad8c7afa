/** A name and an address it stands for. */
export interface ZoneEntry { readonly name: string; readonly address: string }

/** The text of a zone file (native/README.md, DNS): names in lower case, no record twice, in the order given. */
export function zoneText(entries: Iterable<ZoneEntry>): string {
  const lines = new Set<string>();
  for (const { name, address } of entries) lines.add(`${name.toLowerCase()} ${address}`);
  return ['version 1', ...lines, ''].join('\n');
}
