import { SocketAddress } from 'node:net';

/** A container as the zone of one of its networks has it. */
export interface ZoneHost {
  /** All names that resolve to it there. The first is its own: its addresses lead back to that one. */
  readonly names: readonly string[];
  /** IPv4 and IPv6. */
  readonly addresses: readonly string[];
  /** False while its health check has not passed. */
  readonly ready: boolean;
}

/**
 * The text of a zone file (native/README.md, DNS). A name that several containers share stands for those of them that are ready; where none is, for
 * all: clients get a refusal from a container that is there sooner than they get over a name that is not.
 */
export function zoneText(hosts: Iterable<ZoneHost>): string {
  const all = [...hosts];
  const served = new Set(all.flatMap(({ names, ready }) => (ready ? names : [])).map((name) => name.toLowerCase()));
  const lines = new Set<string>();
  for (const { names, addresses, ready } of all) {
    const [own = ''] = names;
    for (const address of addresses.map(canonical)) {
      if (isName(own)) lines.add(`${reverseName(address)} ${own.toLowerCase()}`);
      for (const name of names.map((each) => each.toLowerCase())) if (isName(name) && (ready || !served.has(name))) lines.add(`${name} ${address}`);
    }
  }
  return ['version 1', ...[...lines].sort(), ''].join('\n');
}

/** An alias is free text; one that no query could ask for must not become another line or word. */
function isName(text: string): boolean {
  return /^[\x21-\x7e]{1,253}$/.test(text);
}

function canonical(address: string): string {
  return address.includes(':') ? new SocketAddress({ address, family: 'ipv6' }).address : address;
}

/** The name below which an address is looked up: `2.0.17.172.in-addr.arpa`, or the 32 nibbles of an IPv6 address (RFC 3596, section 2.5). */
function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
  const [head = '', tail] = address.split('::');
  const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  const nibbles = [...front, ...zeros, ...back].map((group) => group.padStart(4, '0')).join('');
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`;
}
