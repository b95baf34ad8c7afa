import type { PublishedPort } from '../../state/container.ts';

/** What our nftables table is made of. Links and addresses in it are only our own, so they need no quoting beyond nft's. */
export interface TableState {
  readonly networks: ReadonlyMap<string, TableNetwork>;
  /** Published ports by a key of the caller's, the same for the same host address, protocol and port. */
  readonly ports: ReadonlyMap<string, TablePort>;
}
/** A published port and where it leads; several backends take turns. `hostIp` '' is every address of the host. */
export interface TablePort {
  readonly hostIp: string;
  readonly protocol: PublishedPort['protocol'];
  readonly port: number;
  readonly backends: readonly Backend[];
}
export interface Backend { readonly address: string; readonly port: number }
export interface TableNetwork { readonly link: string; readonly subnet: string; readonly internal: boolean }
export interface TableNames { readonly table: string; readonly linkPrefix: string }

/**
 * The whole table as one transaction that replaces what is there. Established connections go on. The `raw` rule is what keeps neighbours from ports
 * published on 127.0.0.1: the destination is rewritten before routing looks at it.
 */
export function wholeTable(names: TableNames, state: TableState): string {
  const ours = `"${names.linkPrefix}*"`;
  const { pub, pubIp, lb, lbIp, chains } = portElements(state.ports);
  const networks = [...state.networks.values()];
  return `table inet ${names.table}
delete table inet ${names.table}
table inet ${names.table} {
  map pub_ip { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; ${elements(pubIp)}}
  map pub { type inet_proto . inet_service : ipv4_addr . inet_service; ${elements(pub)}}
${chains.map(({ name, rule }) => `  chain ${name} { ${rule}; }\n`).join('')}\
  map lb_ip { type ipv4_addr . inet_proto . inet_service : verdict; ${elements(lbIp)}}
  map lb { type inet_proto . inet_service : verdict; ${elements(lb)}}
  set own { type ifname . ipv4_addr; flags interval; ${elements(networks.map(ownElement))}}
  set same { type ifname . ifname; ${elements(networks.map(sameElement))}}
  set closed { type ifname; ${elements(networks.filter((one) => one.internal).map(closedElement))}}
  chain raw { type filter hook prerouting priority raw; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop; }
  chain publish {
    dnat ip to ip daddr . meta l4proto . th dport map @pub_ip
    dnat ip to meta l4proto . th dport map @pub
    ip daddr . meta l4proto . th dport vmap @lb_ip
    meta l4proto . th dport vmap @lb; }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
  chain output { type nat hook output priority -100; policy accept;
    meta l4proto { tcp, udp, sctp } fib daddr type local jump publish; }
  chain postrouting { type nat hook postrouting priority srcnat; policy accept;
    oifname . ip saddr @own ct status dnat masquerade
    oifname ${ours} ip saddr 127.0.0.0/8 masquerade
    iifname ${ours} oifname != ${ours} masquerade; }
  chain forward { type filter hook forward priority filter; policy accept;
    iifname != ${ours} oifname != ${ours} accept
    ct state established,related accept
    iifname . oifname @same accept
    iifname @closed drop
    ct status dnat oifname ${ours} accept
    oifname ${ours} drop; }
}
`;
}

/** The change from one state to another as one transaction of elements; '' where nothing differs. */
export function tableChange(names: TableNames, before: TableState, after: TableState): string {
  const lines: string[] = [];
  const change = (verb: 'add' | 'delete', set: string, element: string): void => {
    lines.push(`${verb} element inet ${names.table} ${set} { ${element} }`);
  };
  for (const [key, network] of before.networks) if (!after.networks.has(key)) networkElements(network, (set, element) => change('delete', set, element));
  for (const [key, network] of after.networks) if (!before.networks.has(key)) networkElements(network, (set, element) => change('add', set, element));

  const keys = new Set([...before.ports.keys(), ...after.ports.keys()]);
  const changed = [...keys].map((key) => ({ was: before.ports.get(key) ?? null, becomes: after.ports.get(key) ?? null })).filter(differs);
  // A chain can only be emptied and removed once no element leads to it, and an element only lead to a chain that is there.
  for (const { was } of changed) if (was !== null) change('delete', mapOf(was), elementKey(was));
  for (const { was, becomes } of changed) {
    if (becomes !== null && becomes.backends.length > 1) {
      const chain = `inet ${names.table} ${chainOf(becomes)}`;
      lines.push(`add chain ${chain}`, `flush chain ${chain}`, `add rule ${chain} ${balance(becomes)}`);
    } else if (was !== null && was.backends.length > 1) {
      lines.push(`flush chain inet ${names.table} ${chainOf(was)}`, `delete chain inet ${names.table} ${chainOf(was)}`);
    }
    if (becomes !== null) change('add', mapOf(becomes), `${elementKey(becomes)} : ${elementValue(becomes)}`);
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function networkElements(network: TableNetwork, each: (set: string, element: string) => void): void {
  each('own', ownElement(network));
  each('same', sameElement(network));
  if (network.internal) each('closed', closedElement(network));
}

const ownElement = (network: TableNetwork): string => `"${network.link}" . ${network.subnet}`;
const sameElement = (network: TableNetwork): string => `"${network.link}" . "${network.link}"`;
const closedElement = (network: TableNetwork): string => `"${network.link}"`;

function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : `elements = { ${list.join(', ')} }; `;
}

function portElements(ports: TableState['ports']): { pub: string[]; pubIp: string[]; lb: string[]; lbIp: string[]; chains: { name: string; rule: string }[] } {
  const out = { pub: [] as string[], pubIp: [] as string[], lb: [] as string[], lbIp: [] as string[], chains: [] as { name: string; rule: string }[] };
  const lists = { pub: out.pub, pub_ip: out.pubIp, lb: out.lb, lb_ip: out.lbIp };
  for (const port of ports.values()) {
    lists[mapOf(port)].push(`${elementKey(port)} : ${elementValue(port)}`);
    if (port.backends.length > 1) out.chains.push({ name: chainOf(port), rule: balance(port) });
  }
  return out;
}

function mapOf({ hostIp, backends }: TablePort): 'pub' | 'pub_ip' | 'lb' | 'lb_ip' {
  if (backends.length > 1) return hostIp === '' ? 'lb' : 'lb_ip';
  return hostIp === '' ? 'pub' : 'pub_ip';
}

function elementKey({ hostIp, protocol, port }: TablePort): string {
  return hostIp === '' ? `${protocol} . ${port}` : `${hostIp} . ${protocol} . ${port}`;
}

function elementValue(port: TablePort): string {
  const [first] = port.backends;
  return port.backends.length > 1 || first === undefined ? `goto ${chainOf(port)}` : `${first.address} . ${first.port}`;
}

function chainOf({ hostIp, protocol, port }: TablePort): string {
  return `lb-${hostIp === '' ? '' : `${hostIp.replaceAll('.', '-')}-`}${protocol}-${port}`;
}

function balance({ protocol, backends }: TablePort): string {
  const turns = backends.map((backend, index) => `${index} : ${backend.address} . ${backend.port}`);
  return `meta l4proto ${protocol} dnat ip to numgen inc mod ${backends.length} map { ${turns.join(', ')} }`;
}

function differs({ was, becomes }: { was: TablePort | null; becomes: TablePort | null }): boolean {
  if (was === becomes) return false;
  if (was === null || becomes === null || was.backends.length !== becomes.backends.length) return true;
  return was.backends.some((one, index) => one.address !== becomes.backends[index]?.address || one.port !== becomes.backends[index]?.port);
}
