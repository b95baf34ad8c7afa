import { isIP } from 'node:net';

/** A port in Compose's long form. `published` is text: a port, or a range of host ports to choose from. */
export interface PortConfig {
  readonly name?: string;
  readonly mode?: string;
  readonly host_ip?: string;
  readonly target: number;
  readonly published?: string;
  readonly protocol?: string;
  readonly app_protocol?: string;
  /** Networks that may come in. */
  readonly 'x-bayplan'?: { readonly allow?: readonly string[] };
}

export const portProtocols = ['tcp', 'udp', 'sctp'];

/** `[[IP:][HOST]:]CONTAINER[/PROTOCOL]` with ranges (compose-spec 05-services, `ports`): its ports, `most` of them, or what is wrong with it. */
export function parsePortSpec(text: string, most = Number.POSITIVE_INFINITY): readonly PortConfig[] | string {
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const [container = '', given = ''] = last.split('/');
  const protocol = given === '' ? 'tcp' : given.toLowerCase();
  if (!portProtocols.includes(protocol)) return `expected the protocol tcp, udp or sctp, got ${JSON.stringify(protocol)}; leave it out for tcp`;
  const targets = rangeOf(container);
  if (targets === null || targets.first === 0) return `expected a container port from 1 to 65535, got ${JSON.stringify(container)}${container === '' ? '; is a variable not set?' : /[“”„‘’]/.test(container) ? '; these quotes are text to YAML: write "8080:80"' : '; write [IP:][HOST:]CONTAINER, such as "8080:80"'}`;
  const ip = parts.slice(0, -2).join(':').replace(/^\[(.*)\]$/, '$1');
  if (ip !== '' && !isAddress(ip)) return `expected an IP address, got ${JSON.stringify(ip)}${ip === 'localhost' ? '; write 127.0.0.1' : '; a name cannot stand here'}`;
  const published = parts.at(-2) ?? '';
  const sources = published === '' ? null : rangeOf(published);
  if (published !== '' && sources === null) return `expected a host port from 1 to 65535, got ${JSON.stringify(published)}; write [IP:][HOST:]CONTAINER, such as "8080:80"`;
  const count = targets.last - targets.first + 1;
  const hostCount = sources === null ? count : sources.last - sources.first + 1;
  if (count !== 1 && hostCount !== count) return `expected as many host ports as container ports, got ${String(hostCount)} and ${String(count)}; make the ranges of one length`;
  if (count > most) return `${String(count)} ports are more than a stack may have beside those before them; name fewer, or let the service share the host's network (network_mode: host)`;
  const ports = Array.from({ length: count }, (_, index): PortConfig => ({
    mode: 'ingress',
    ...(ip === '' ? {} : { host_ip: ip }),
    target: targets.first + index,
    ...(sources === null ? {} : { published: count === 1 ? formatRange(sources) : String(sources.first + index) }),
    protocol,
  }));
  return sortedAsText(ports);
}

/** Docker compose sorts the ports of a range as text. */
function sortedAsText(ports: readonly PortConfig[]): readonly PortConfig[] {
  const keyed = ports.map((port) => ({ key: `${String(port.target)}/`, port }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ port }) => port);
}

/** An address as Go reads it: without a zone. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** `80` or `80-90`; null where it is none, or where 0 leaves it to the system. */
export function parsePortRange(text: string): { first: number; last: number } | null {
  const range = rangeOf(text);
  return range === null || range.first === 0 ? null : range;
}

function rangeOf(text: string): { first: number; last: number } | null {
  const [first = '', last = first] = text.split('-');
  const isPort = (port: string): boolean => /^\d+$/.test(port) && Number(port) <= 65535;
  return isPort(first) && isPort(last) && Number(first) <= Number(last) ? { first: Number(first), last: Number(last) } : null;
}

function formatRange(range: { first: number; last: number }): string {
  return range.first === range.last ? String(range.first) : `${String(range.first)}-${String(range.last)}`;
}
