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

/** What one container gives a name: addresses, or for the way back a name. */
interface Share { readonly data: readonly string[]; readonly ready: boolean }

/**
 * The names of one network and the text of its zone file (native/README.md, DNS). A name that several containers share stands for those of them that are
 * ready; where none is, for all: clients get over a refusal from a container that is there sooner than over a name that is not. Only the lines of names that
 * have changed are made anew, since a network of a thousand containers is written at each one's start.
 */
export class Zone {
  readonly #hosts = new Map<string, ZoneHost>();
  /** Name → containers that have it. */
  readonly #names = new Map<string, Map<string, Share>>();
  /** All names, as the file has them. */
  readonly #order: string[] = [];
  /** Lines by name, less those that have changed. */
  readonly #lines = new Map<string, string>();

  /** Adds a container by its id, or replaces what was known of it. */
  set(id: string, host: ZoneHost): void {
    this.delete(id);
    this.#hosts.set(id, host);
    for (const [name, share] of sharesOf(host)) {
      this.#lines.delete(name);
      const sharers = this.#names.get(name);
      if (sharers !== undefined) {
        sharers.set(id, share);
        continue;
      }
      this.#names.set(name, new Map([[id, share]]));
      this.#order.splice(position(this.#order, name), 0, name);
    }
  }

  delete(id: string): void {
    const host = this.#hosts.get(id);
    if (host === undefined) return;
    this.#hosts.delete(id);
    for (const [name] of sharesOf(host)) {
      this.#lines.delete(name);
      const sharers = this.#names.get(name);
      sharers?.delete(id);
      if (sharers?.size !== 0) continue;
      this.#names.delete(name);
      this.#order.splice(position(this.#order, name), 1);
    }
  }

  setReady(id: string, ready: boolean): void {
    const host = this.#hosts.get(id);
    if (host !== undefined) this.set(id, { ...host, ready });
  }

  text(): string {
    return `version 1\n${this.#order.map((name) => this.#linesOf(name)).join('')}`;
  }

  #linesOf(name: string): string {
    let lines = this.#lines.get(name);
    if (lines === undefined) {
      const shares = [...(this.#names.get(name)?.values() ?? [])];
      const served = shares.some(({ ready }) => ready);
      const data = new Set(shares.flatMap((share) => (share.ready || !served ? share.data : [])));
      lines = [...data].sort().map((each) => `${name} ${each}\n`).join('');
      this.#lines.set(name, lines);
    }
    return lines;
  }
}

/** A container's names on a network, each with the network's behind it too: `web.shop_default`. As in Docker, addresses lead back to the long form of its own. */
export function namesOn(network: string, names: readonly string[]): readonly string[] {
  return [...names.map((name) => `${name}.${network}`), ...names];
}

function sharesOf({ names, addresses, ready }: ZoneHost): ReadonlyMap<string, Share> {
  const data = addresses.map(canonical);
  const valid = names.map((name) => name.toLowerCase()).filter(isName);
  const own = names[0]?.toLowerCase() ?? '';
  return new Map<string, Share>([
    ...valid.map((name) => [name, { data, ready }] as const),
    ...(isName(own) ? data.map((address) => [reverseName(address), { data: [own], ready }] as const) : []),
  ]);
}

/** Where a name is in the list, or belongs. */
function position(order: readonly string[], name: string): number {
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((order[middle] ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
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
