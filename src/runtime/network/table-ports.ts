import { createHash } from 'node:crypto';
import type { Family } from '../../state/cidr.ts';
import type { TablePort } from './table.ts';

export const ALL_FAMILIES: readonly Family[] = [4, 6];

/** What a family is called in nft, and how the names of its sets end. */
export const WORDS = {
  4: { ip: 'ip', nfproto: 'ipv4', type: 'ipv4_addr', suffix: '' },
  6: { ip: 'ip6', nfproto: 'ipv6', type: 'ipv6_addr', suffix: '6' },
} as const;

/** One element of a map. */
export interface MapElement { readonly set: string; readonly key: string; readonly value: string }

type ChainKind = 'allow' | 'lb';
/** A chain of one port's own. It is never changed: see `tableChange`. */
export interface PortChain { readonly kind: ChainKind; readonly name: string; readonly rules: readonly string[] }

/** The elements that a port is made of: where it leads, and the chain of those who may come in. */
export function elementsOf(port: TablePort): readonly MapElement[] {
  const { hostIp, protocol, backends } = port;
  const chains = portChains(port);
  const leadTo = (kind: ChainKind): string => chains.find((chain) => chain.kind === kind)?.name ?? '';
  const key = hostIp === '' ? `${protocol} . ${port.port}` : `${hostIp} . ${protocol} . ${port.port}`;
  const end = `${hostIp === '' ? '' : '_ip'}${WORDS[port.family].suffix}`;
  const [first] = backends;
  const elements: MapElement[] = [];
  if (port.allow !== null) elements.push({ set: `guard${end}`, key, value: `jump ${leadTo('allow')}` });
  if (backends.length > 1) elements.push({ set: `lb${end}`, key, value: `goto ${leadTo('lb')}` });
  else if (first !== undefined) elements.push({ set: `pub${end}`, key, value: `${first.address} . ${first.port}` });
  return elements;
}

/** The chains that its elements lead to. */
export function portChains(port: TablePort): readonly PortChain[] {
  const { family, protocol, backends, allow } = port;
  const chains: PortChain[] = [];
  if (allow !== null) {
    const list = allow.length === 0 ? [] : [`${WORDS[family].ip} saddr { ${allow.join(', ')} } return`];
    chains.push(chainOf('allow', port, [...list, 'drop']));
  }
  if (backends.length > 1) {
    const turns = backends.map((backend, index) => `${index} : ${backend.address} . ${backend.port}`);
    chains.push(chainOf('lb', port, [`meta l4proto ${protocol} dnat ${WORDS[family].ip} to numgen inc mod ${backends.length} map { ${turns.join(', ')} }`]));
  }
  return chains;
}

/** Whether an element takes the place of one that leads to a chain, which is looked up later. */
export function leavesChain({ set, key }: Pick<MapElement, 'set' | 'key'>, elements: readonly Pick<MapElement, 'set' | 'key'>[]): boolean {
  return set.startsWith('pub') && elements.some((other) => other.set === set.replace('pub', 'lb') && other.key === key);
}

export function differs({ was, becomes }: { was: TablePort | null; becomes: TablePort | null }): boolean {
  if (was === becomes) return false;
  if (was === null || becomes === null || was.backends.length !== becomes.backends.length || String(was.allow) !== String(becomes.allow)) return true;
  return was.backends.some((one, index) => one.address !== becomes.backends[index]?.address || one.port !== becomes.backends[index]?.port);
}

/** Its name says what is in it: another content is another chain. */
function chainOf(kind: ChainKind, { family, hostIp, protocol, port }: TablePort, rules: readonly string[]): PortChain {
  const digest = createHash('sha256').update(rules.join('; ')).digest('hex').slice(0, 8);
  return { kind, name: `${kind}${WORDS[family].suffix}-${hostIp === '' ? '' : `${hostIp.replaceAll(/[.:]/g, '-')}-`}${protocol}-${port}-${digest}`, rules };
}
