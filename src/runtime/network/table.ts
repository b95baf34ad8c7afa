import type { Family } from '../../state/cidr.ts';
import type { PublishedPort } from '../../state/container.ts';
import { TableChange } from './table-change.ts';
import { ALL_FAMILIES, differs, elementsOf, leavesChain, type MapElement, portChains, WORDS } from './table-ports.ts';

/** What our nftables table is made of. Links and addresses in it are only our own, so they need no quoting beyond nft's. */
export interface TableState {
  readonly networks: ReadonlyMap<string, TableNetwork>;
  /** Published ports by a key of the caller's, the same for the same family, host address, protocol and port. */
  readonly ports: ReadonlyMap<string, TablePort>;
}
/** A published port of one family and where it leads; several backends take turns. `hostIp` '' is every address of the host. */
export interface TablePort {
  readonly family: Family;
  readonly hostIp: string;
  readonly protocol: PublishedPort['protocol'];
  readonly port: number;
  readonly backends: readonly Backend[];
  /** Networks of this family that may come in; null: everybody. The host itself always may. */
  readonly allow: readonly string[] | null;
}
export interface Backend { readonly address: string; readonly port: number }
export interface TableNetwork {
  readonly link: string;
  readonly subnets: readonly { readonly family: Family; readonly cidr: string }[];
  readonly internal: boolean;
  /** Whether its packets leave the host under the host's own address. */
  readonly masquerade: boolean;
}
export interface TableNames { readonly table: string; readonly linkPrefix: string }

/**
 * The whole table as one transaction that replaces what is there. Established connections go on. The first rule of `prerouting` is what keeps neighbours from ports
 * published on 127.0.0.1: the destination is rewritten before routing looks at it. Only what begins a connection passes there; what is tracked as none is kept from the host's own
 * 127.0.0.1 by `input`, past which forwarded packets do not come; what others' rules have sent there from another address is their affair. Answers to what has left the host from 127.0.0.1 are established there. Of ::1 the kernel itself sees to that, and takes no answer for it from a bridge either, so what is published there is not rewritten: the socket
 * that reserves the port carries it.
 */
export function wholeTable(names: TableNames, state: TableState): string {
  const content = contentOf(names, state);
  const filled = (set: string): string => {
    const list = content.get(set) ?? [];
    return list.length === 0 ? '' : `elements = { ${list.join(', ')} }; `;
  };
  const chains = [...state.ports.values()].flatMap(portChains);
  return `table inet ${names.table}
delete table inet ${names.table}
table inet ${names.table} {
  set ours { type ifname; flags interval; ${filled('ours')}}
  set same { type ifname . ifname; ${filled('same')}}
  set closed { type ifname; ${filled('closed')}}
  set routed { type ifname; ${filled('routed')}}
${chains.map(({ name, rules }) => `  chain ${name} { ${rules.join('; ')}; }\n`).join('')}\
${ALL_FAMILIES.map((family) => familySets(family, filled)).join('')}\
  chain input { type filter hook input priority filter; policy accept;
    ip daddr 127.0.0.0/8 ct status dnat ct original ip daddr != 127.0.0.0/8 accept
    ip daddr 127.0.0.0/8 iifname != "lo" ct state != { established, related } drop; }
  chain guarded {
${ALL_FAMILIES.map(guardRules).join('\n')}; }
  chain publish {
    ip6 daddr ::1 return
${ALL_FAMILIES.map(publishRules).join('\n')}; }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    ip daddr 127.0.0.0/8 iifname != "lo" drop
    meta l4proto { tcp, udp, sctp } fib daddr type local jump guarded
    meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
  chain output { type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    oifname . ip saddr @own ct status dnat masquerade
    oifname . ip6 saddr @own6 ct status dnat masquerade
    oifname @ours ip saddr 127.0.0.0/8 masquerade
    iifname @routed return
    iifname @ours oifname != @ours masquerade; }
  chain forward { type filter hook forward priority filter; policy accept;
    ct state established,related accept
    iifname != @ours oifname != @ours accept
    iifname . oifname @same accept
    iifname @closed drop
    ct status dnat oifname @ours accept
    oifname @ours drop; }
}
`;
}

/** The same table, hooked nowhere. */
export function dormantTable(names: TableNames, state: TableState): string {
  return wholeTable(names, state).replace(`table inet ${names.table} {\n`, `table inet ${names.table} {\n  flags dormant\n`);
}

function familySets(family: Family, filled: (set: string) => string): string {
  const { suffix, type } = WORDS[family];
  return `  map pub_ip${suffix} { type ${type} . inet_proto . inet_service : ${type} . inet_service; ${filled(`pub_ip${suffix}`)}}
  map pub${suffix} { type inet_proto . inet_service : ${type} . inet_service; ${filled(`pub${suffix}`)}}
  map lb_ip${suffix} { type ${type} . inet_proto . inet_service : verdict; ${filled(`lb_ip${suffix}`)}}
  map lb${suffix} { type inet_proto . inet_service : verdict; ${filled(`lb${suffix}`)}}
  map guard_ip${suffix} { type ${type} . inet_proto . inet_service : verdict; ${filled(`guard_ip${suffix}`)}}
  map guard${suffix} { type inet_proto . inet_service : verdict; ${filled(`guard${suffix}`)}}
  set own${suffix} { type ifname . ${type}; flags interval; ${filled(`own${suffix}`)}}
`;
}

function guardRules(family: Family): string {
  const { suffix, ip, nfproto } = WORDS[family];
  return `    ${ip} daddr . meta l4proto . th dport vmap @guard_ip${suffix}
    meta nfproto ${nfproto} meta l4proto . th dport vmap @guard${suffix}`;
}

function publishRules(family: Family): string {
  const { suffix, ip, nfproto } = WORDS[family];
  return `    dnat ${ip} to ${ip} daddr . meta l4proto . th dport map @pub_ip${suffix}
    meta nfproto ${nfproto} dnat ${ip} to meta l4proto . th dport map @pub${suffix}
    ${ip} daddr . meta l4proto . th dport vmap @lb_ip${suffix}
    meta nfproto ${nfproto} meta l4proto . th dport vmap @lb${suffix}`;
}

/**
 * The changes from one state to another, of what differs alone: transactions, to be made one after the other; none where nothing differs. A packet that a processor is just looking at may see the rules of
 * before a transaction and the elements of after it. So no rule is ever replaced that an element leads to: chains come before whatever leads to them, and go once nothing does; and where a port leaves its
 * chain for the map that is looked up first, it is there before it has left.
 */
export function tableChange(names: TableNames, before: TableState, after: TableState): readonly string[] {
  const change = new TableChange(names.table);
  const without = (some: TableState['networks'], others: TableState['networks']): readonly TableNetwork[] => [...some].filter(([key]) => !others.has(key)).map(([, network]) => network);
  for (const network of without(before.networks, after.networks)) for (const [set, element] of networkElements(names, network)) change.leave(set, element);
  for (const network of without(after.networks, before.networks)) for (const [set, element] of networkElements(names, network)) change.enter(set, element);

  const keys = new Set([...before.ports.keys(), ...after.ports.keys()]);
  const changed = [...keys].map((key) => ({ was: before.ports.get(key) ?? null, becomes: after.ports.get(key) ?? null })).filter(differs);
  for (const { was, becomes } of changed) {
    const [chains, elements] = was === null ? [[], []] : [portChains(was), elementsOf(was)];
    const [newChains, newElements] = becomes === null ? [[], []] : [portChains(becomes), elementsOf(becomes)];
    const isIn = (some: readonly MapElement[], { set, key, value }: MapElement): boolean => some.some((other) => other.set === set && other.key === key && other.value === value);
    for (const { name, rules } of newChains) if (!chains.some((old) => old.name === name)) change.addChain(name, rules);
    for (const { name } of chains) if (!newChains.some((fresh) => fresh.name === name)) change.removeChain(name);
    for (const element of elements) if (!isIn(newElements, element)) change.leave(element.set, element.key);
    for (const element of newElements) if (!isIn(elements, element)) change.enter(element.set, `${element.key} : ${element.value}`, leavesChain(element, elements));
  }
  return change.transactions();
}

/** All elements of a state, by their set or map. */
function contentOf(names: TableNames, { networks, ports }: TableState): ReadonlyMap<string, readonly string[]> {
  const content = new Map<string, string[]>([['ours', [`"${names.linkPrefix}*"`]]]);
  const add = (set: string, element: string): void => {
    const list = content.get(set);
    if (list === undefined) content.set(set, [element]);
    else list.push(element);
  };
  for (const network of networks.values()) for (const [set, element] of networkElements(names, network)) add(set, element);
  for (const port of ports.values()) for (const { set, key, value } of elementsOf(port)) add(set, `${key} : ${value}`);
  return content;
}

function networkElements(names: TableNames, { link, subnets, internal, masquerade }: TableNetwork): readonly (readonly [string, string])[] {
  return [
    ...subnets.map(({ family, cidr }) => [`own${WORDS[family].suffix}`, `"${link}" . ${cidr}`] as const),
    ['same', `"${link}" . "${link}"`],
    ...(link.startsWith(names.linkPrefix) ? [] : [['ours', `"${link}"`] as const]),
    ...(internal ? [['closed', `"${link}"`] as const] : []),
    ...(masquerade ? [] : [['routed', `"${link}"`] as const]),
  ];
}
