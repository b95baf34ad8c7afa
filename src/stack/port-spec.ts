import { isIPv4, isIPv6 } from 'node:net';

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

/** `[[IP:][HOST]:]CONTAINER[/PROTOCOL]` with ranges (compose-spec 05-services, `ports`): its ports, or what is wrong with it. */
export function parsePortSpec(text: string): readonly PortConfig[] | string {
  const slash = text.lastIndexOf('/');
  const protocol = slash < 0 ? 'tcp' : text.slice(slash + 1).toLowerCase();
  if (!portProtocols.includes(protocol)) return `expected the protocol tcp, udp or sctp, got ${JSON.stringify(protocol)}`;
  const parts = /^(?:(.*):)?([^:]*)$/.exec(slash < 0 ? text : text.slice(0, slash));
  const container = parts?.[2] ?? '';
  const targets = parsePortRange(container);
  if (targets === null) return `expected a container port from 1 to 65535, got ${JSON.stringify(container)}`;
  const host = /^(?:(\[[^\]]*\]|[^[\]]*):)?([^:\]]*)$/.exec(parts?.[1] ?? '');
  if (host === null) return `expected [[IP:]HOST:]CONTAINER[/PROTOCOL], got ${JSON.stringify(text)}`;
  const ip = (host[1] ?? '').replace(/^\[|\]$/g, '');
  if (ip !== '' && !isIPv4(ip) && !isIPv6(ip)) return `expected an IP address, got ${JSON.stringify(ip)}`;
  const published = host[2] ?? '';
  const sources = published === '' ? null : parsePortRange(published);
  if (published !== '' && sources === null) return `expected a host port from 1 to 65535, got ${JSON.stringify(published)}`;
  const count = targets.last - targets.first + 1;
  const hostCount = sources === null ? count : sources.last - sources.first + 1;
  if (count !== 1 && hostCount !== count) return `expected as many host ports as container ports, got ${String(hostCount)} and ${String(count)}`;
  return Array.from({ length: count }, (_, index) => ({
    mode: 'ingress',
    ...(ip === '' ? {} : { host_ip: ip }),
    target: targets.first + index,
    ...(sources === null ? {} : { published: count === 1 ? formatRange(sources) : String(sources.first + index) }),
    protocol,
  }));
}

/** `80` or `80-90`; null where it is none. */
export function parsePortRange(text: string): { first: number; last: number } | null {
  const parts = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (parts === null) return null;
  const first = Number(parts[1]);
  const last = parts[2] === undefined ? first : Number(parts[2]);
  return first >= 1 && last <= 65535 && first <= last ? { first, last } : null;
}

function formatRange(range: { first: number; last: number }): string {
  return range.first === range.last ? String(range.first) : `${String(range.first)}-${String(range.last)}`;
}
