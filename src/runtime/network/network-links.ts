import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { BayplanError } from '../../state/bayplan-error.ts';
import { addressOf, addressText, cidrAt, type Cidr } from '../../state/cidr.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import type { Drift } from '../../state/drift.ts';
import { announce } from './announce.ts';
import { createBridge, linkExists, linkIndex, mendBridge, mtuOf, silencePort } from './bridge.ts';
import { type EndpointLink, hardwareAddress, hostRequests, innerRequests, routeRequests, type Uplink, type Way } from './endpoint-links.ts';
import { type ExpectedLink, innerDrift, type Inside, mendRequests, readInside, routeMends } from './inner-drift.ts';
import type { Pin } from './namespaces.ts';
import { checkAnswers, type LinkRequest, requestLinks } from './link-request.ts';
import type { NetworkEntry } from './network-entry.ts';
import type { EndpointAttachment, PinNetns } from './networks.ts';
import { provideParent } from './parent-link.ts';
import { addressDump, IPVLAN_FLAGS, IPVLAN_MODES, linkDelete, linkDump, MACVLAN_MODES, readAddress, readLink } from './rtnetlink.ts';
import { ALL_FAMILIES } from './table-ports.ts';

const FIRST_INDEX = 2; // 1 is loopback

/** One attachment of a container with the network that it is to. */
export interface Attached { readonly entry: NetworkEntry; readonly attachment: EndpointAttachment }

/** What a new link in a namespace may be: the first free index, and the names that others have. */
interface Free { readonly index: number; readonly names: ReadonlySet<string> }

/** The links of networks on the host, and those that lead from them into containers. */
export class NetworkLinks {
  readonly #kernel: Kernel;
  readonly #prefix: string;
  /** Indices of bridges and parent links by network. */
  readonly #indices = new Map<string, number>();
  /** Networks with the addresses that a link of theirs has, or had: a bridge may know a hardware address on a port that is going, and neighbours an IP address at another hardware address. */
  readonly #known = new Set<string>();

  constructor(kernel: Kernel, prefix: string) {
    this.#kernel = kernel;
    this.#prefix = prefix;
  }

  /** Makes a network's bridge where it is missing, or the parent of a macvlan or ipvlan network. */
  async provide(entry: NetworkEntry): Promise<void> {
    const { name, record: { link, group, spec }, subnets, options } = entry;
    if (linkExists(link) && spec.driver === 'bridge' && this.#indices.has(name)) return;
    if (spec.driver !== 'bridge') return await provideParent(this.#kernel, entry);
    const bridge = { name: link, group, subnets, mtu: options.mtu, isolated: !options.icc };
    this.#indices.set(name, await createBridge(this.#kernel, bridge).catch((error: unknown) => {
      if (!(error instanceof KernelError && error.code === 'EEXIST' && error.path === `bridge ${link}`)) throw error;
      throw new BayplanError('bad-request', `network ${name}: this host has a link "${link}" already, which is not this network's; name another one (com.docker.network.bridge.name), or remove it`, { cause: error });
    }));
  }

  /** Whether its link was seen, and nothing has been told of it since. */
  knows(network: string): boolean {
    return this.#indices.has(network);
  }

  /** The addresses of all links in a namespace; none where it has gone. */
  async addressesIn(path: string): Promise<readonly string[]> {
    try {
      return (await readInside(this.#kernel, path)).addresses.map(({ address }) => addressText(address));
    } catch (error) {
      if (existsSync(path)) throw error;
      return [];
    }
  }

  forget(network: string): void {
    this.#indices.delete(network);
  }

  /** A container has this attachment already. Answers whether that was known. */
  remember({ network, macAddress, ipv4, ipv6 }: EndpointAttachment): boolean {
    const keys = [macAddress, ipv4, ipv6].filter((address) => address !== '').map((address) => `${network} ${address}`);
    const known = keys.some((key) => this.#known.has(key));
    for (const key of keys) this.#known.add(key);
    return known;
  }

  /** Makes a namespace with a link for each attachment, all up. `make`: makes it there in the engine's stead, for users of its own. */
  async connect({ path, mounts }: Pin, attached: readonly Attached[], make: PinNetns | null): Promise<void> {
    if (existsSync(path)) await this.#kernel.removeNetns(path, mounts);
    if (make !== null) await make({ path, mounts });
    if (attached.length === 0) return await this.#kernel.createNetns(path, mounts, make !== null);
    const links = await this.#linksOf(attached, { index: FIRST_INDEX, names: new Set() });
    const netns = openSync('/dev/null', 'r'); // a number that the host's requests can name; the call makes it lead to the new namespace
    try {
      const [{ births, ports, rest }, inner] = [hostRequests(links, netns), [...innerRequests(links), ...routeRequests(links)]];
      const answers = await this.#kernel.connectNetns(path, mounts, make !== null, netns, hasIpv6(attached), { births: messagesOf(births), ports, rest: messagesOf(rest) }, messagesOf(inner));
      checkAnswers([...births, ...rest], answers.outer);
      checkAnswers(inner, answers.inner);
      await announce(this.#kernel, path, links);
      await this.#setSysctls(path, attached, links);
    } catch (error) {
      throw this.#explained(attached, error);
    } finally {
      closeSync(netns);
    }
  }

  /** Makes the links of a namespace that is lived in those of `after`: what `before` had and is not in it goes, what is missing comes. Links that are nobody's stay. */
  async change(path: string, before: readonly Attached[], after: readonly Attached[]): Promise<void> {
    const there = await this.#read(path);
    const leaving = before.filter((one) => !after.some((other) => sameLink(one.attachment, other.attachment)));
    const gone = leaving.flatMap(({ attachment }) => there.indexOf(attachment) ?? []);
    await requestLinks(this.#kernel, path, gone.map((index) => ({ about: `link ${index}`, message: linkDelete(index), accept: ['ENODEV'] })));
    const waysOf = (attached: readonly Attached[]): readonly Way[] => attached.flatMap((one) => {
      const index = there.indexOf(one.attachment);
      return index === null ? [] : [wayOf(one, index)];
    });
    const missing = after.filter((one) => !waysOf([one]).some(({ index }) => !gone.includes(index)));
    const made = await this.#add(path, missing, { index: Math.max(FIRST_INDEX - 1, ...there.links.map(({ index }) => index)) + 1, names: new Set(there.links.filter(({ index }) => !gone.includes(index)).map(({ name }) => name)) });
    const ways = after.flatMap((one) => made.get(one) ?? waysOf([one]));
    await requestLinks(this.#kernel, path, routeRequests(ways, waysOf(before)));
  }

  /** What of a namespace that is lived in is not as its attachments have it. */
  async drift(path: string, attached: readonly Attached[]): Promise<readonly Drift[]> {
    return innerDrift(attached.map((one) => expectedLink(one)), await readInside(this.#kernel, path));
  }

  /** Puts that right; what is there stays, and what is nobody's too. */
  async mend(path: string, attached: readonly Attached[]): Promise<void> {
    const expected = attached.map((one) => expectedLink(one));
    const inside = await readInside(this.#kernel, path);
    const { links } = inside;
    const missing = attached.filter((_one, at) => expected[at] !== undefined && innerDrift([expected[at]], inside).some(({ field, found }) => field.endsWith('.link') && found === 'none'));
    if (missing.length > 0) await this.#add(path, missing, { index: Math.max(FIRST_INDEX - 1, ...links.map(({ index }) => index)) + 1, names: new Set(links.map(({ name }) => name)) });
    await requestLinks(this.#kernel, path, mendRequests(expected, inside));
    const after: Inside = await readInside(this.#kernel, path);
    await requestLinks(this.#kernel, path, routeMends(expected, after));
  }

  /** Makes a network's link on the host what it was made as; containers stay on it. */
  async mendNetwork(entry: NetworkEntry): Promise<void> {
    this.forget(entry.name);
    const { name, record: { link, group, spec }, subnets, options } = entry;
    const index = spec.driver === 'bridge' ? await linkIndex(this.#kernel, link) : null;
    if (index === null) return await this.provide(entry);
    this.#indices.set(name, index);
    await mendBridge(this.#kernel, { name: link, group, subnets, mtu: options.mtu, isolated: !options.icc }, index);
  }

  /** Adds links to a namespace that is lived in, all or none. Answers what they are. */
  async #add(path: string, missing: readonly Attached[], free: Free): Promise<ReadonlyMap<Attached, EndpointLink>> {
    if (missing.length === 0) return new Map();
    const wanted = await this.#linksOf(missing, free);
    if (hasIpv6(missing)) await this.#kernel.netnsIpv6(path);
    const netns = openSync(path, 'r');
    try {
      const { births, ports, rest } = hostRequests(wanted, netns);
      await requestLinks(this.#kernel, null, births);
      for (const port of ports) silencePort(port);
      await requestLinks(this.#kernel, null, rest);
      // An index that a link had before is not given again by every kernel.
      const there = new Map((await this.#read(path)).links.map(({ name, index }) => [name, index]));
      const links = wanted.map((link) => ({ ...link, index: there.get(link.name) ?? link.index }));
      await requestLinks(this.#kernel, path, innerRequests(links));
      await announce(this.#kernel, path, links);
      await this.#setSysctls(path, missing, links);
      return new Map(missing.flatMap((one, at) => (links[at] === undefined ? [] : [[one, links[at]] as const])));
    } catch (error) {
      const made = (await this.#read(path)).links.filter(({ name }) => wanted.some((link) => link.name === name));
      await requestLinks(this.#kernel, path, made.map(({ index, name }) => ({ about: name, message: linkDelete(index), accept: ['ENODEV'] })));
      throw this.#explained(missing, error);
    } finally {
      closeSync(netns);
    }
  }

  /** The links that there are in a namespace, and which of them is an attachment's: the one that has its address. */
  async #read(path: string): Promise<{ readonly links: readonly ReturnType<typeof readLink>[]; readonly indexOf: (attachment: EndpointAttachment) => number | null }> {
    const [links, ...addresses] = await requestLinks(this.#kernel, path, [linkDump(), ...ALL_FAMILIES.map(addressDump)].map((message) => ({ about: path, message })));
    const owners = new Map(addresses.flatMap(({ payloads }) => payloads.map(readAddress)).map(({ link, address }) => [addressText(address), link]));
    return { links: links?.payloads.map(readLink) ?? [], indexOf: ({ ipv4, ipv6 }) => owners.get(ipv4) ?? owners.get(ipv6) ?? null };
  }

  /** Settings of a link: `net.ipv4.conf.IFNAME.forwarding`, where IFNAME stands for its name. */
  async #setSysctls(path: string, attached: readonly Attached[], links: readonly EndpointLink[]): Promise<void> {
    for (const [at, { attachment }] of attached.entries()) {
      for (const [key, value] of Object.entries(attachment.sysctls)) await this.#kernel.netnsSysctl(path, `/proc/sys/${key.replaceAll('.', '/').replace('IFNAME', links[at]?.name ?? '')}`, value);
    }
  }

  async #linksOf(attached: readonly Attached[], { index, names }: Free): Promise<readonly EndpointLink[]> {
    const taken = new Set([...names, ...attached.map(({ attachment }) => attachment.interfaceName)]);
    const named = attached.map((one, at) => {
      let number = 0;
      while (taken.has(`eth${number}`)) number++;
      const name = one.attachment.interfaceName === '' ? `eth${number}` : one.attachment.interfaceName;
      taken.add(name);
      return { one, name, index: index + at };
    });
    return await Promise.all(named.map(async ({ one, name, index: at }) => ({ ...this.#linkOf(one, await this.#uplink(one.entry)), name, index: at })));
  }

  #explained(attached: readonly Attached[], error: unknown): unknown {
    // A bridge removed by hand: the index that is remembered is not true any more.
    for (const { entry } of attached) this.forget(entry.name);
    return error instanceof KernelError && error.code === 'ENOTSUP' ? unsupported(attached, error) : error;
  }

  #linkOf(attached: Attached, uplink: Uplink): Omit<EndpointLink, 'name' | 'index'> {
    const { entry, attachment } = attached;
    const { macAddress, linkLocalIps } = attachment;
    return {
      ...wayOf(attached, 0), uplink, announced: this.remember(attachment) || uplink.kind !== 'veth', mtu: entry.options.mtu,
      mac: macBytes(macAddress), linkLocal: linkLocalIps.flatMap(linkLocal),
    };
  }

  async #uplink(entry: NetworkEntry): Promise<Uplink> {
    const { record: { spec, group }, options } = entry;
    const index = await this.#index(entry);
    if (spec.driver === 'macvlan') return { kind: 'macvlan', parent: index, mode: MACVLAN_MODES.get(options.mode) ?? 0 };
    if (spec.driver === 'ipvlan') return { kind: 'ipvlan', parent: index, mode: IPVLAN_MODES.get(options.mode) ?? 0, flags: IPVLAN_FLAGS.get(options.flag) ?? 0 };
    return { kind: 'veth', name: `${this.#prefix}${randomBytes(4).toString('hex')}`, bridge: index, group, isolated: !options.icc };
  }

  async #index({ name, record }: NetworkEntry): Promise<number> {
    const index = this.#indices.get(name) ?? await linkIndex(this.#kernel, record.link);
    if (index === null) throw new BayplanError('network-missing', `network ${name}: its link ${record.link} is not there; run up again to make it`, { retryable: true });
    this.#indices.set(name, index);
    return index;
  }
}

function messagesOf(requests: readonly LinkRequest[]): readonly Buffer[] {
  return requests.map(({ message }) => message);
}

function wayOf({ entry, attachment: { ipv4, ipv6, gatewayPriority } }: Attached, index: number): Way {
  return { index, addresses: [...entry.linkAddress(ipv4), ...entry.linkAddress(ipv6)], internal: entry.internal, gatewayPriority };
}

function expectedLink({ entry, attachment }: Attached): ExpectedLink {
  const { addresses, internal, gatewayPriority } = wayOf({ entry, attachment }, 0);
  const mac = hardwareAddress({ uplink: { kind: entry.record.spec.driver }, mac: macBytes(attachment.macAddress), addresses });
  return { network: attachment.network, addresses, internal, gatewayPriority, linkLocal: attachment.linkLocalIps.flatMap(linkLocal), mac: mac?.toString('hex') ?? '', mtu: entry.record.spec.driver === 'bridge' ? mtuOf(entry.options) : entry.options.mtu };
}

function macBytes(text: string): Buffer | null {
  return text === '' ? null : Buffer.from(text.replaceAll(/[:-]/g, ''), 'hex');
}

function hasIpv6(attached: readonly Attached[]): boolean {
  return attached.some(({ attachment }) => attachment.ipv6 !== '');
}

/** Whether one link serves both. Names and priorities are not the link's. */
function sameLink(one: EndpointAttachment, other: EndpointAttachment): boolean {
  const linkOf = ({ network, ipv4, ipv6, macAddress, interfaceName, linkLocalIps, sysctls }: EndpointAttachment): unknown => ({ network, ipv4, ipv6, macAddress, interfaceName, linkLocalIps, sysctls });
  return isDeepStrictEqual(linkOf(one), linkOf(other));
}

function unsupported(attached: readonly Attached[], cause: KernelError): BayplanError {
  const drivers = [...new Set(attached.map(({ entry }) => entry.record.spec.driver))].filter((driver) => driver !== 'bridge');
  return new BayplanError('bad-request', `network ${attached.map(({ entry }) => entry.name).join(', ')}: this kernel has no ${drivers.join(' or ')} links (${cause.message}); use driver bridge`, { cause });
}

/** 169.254.0.0/16 and fe80::/64 hold all link-local addresses. */
const LINK_LOCAL_BITS = { 4: 16, 6: 64 } as const;

function linkLocal(text: string): readonly { readonly address: NonNullable<ReturnType<typeof addressOf>>; readonly network: Cidr }[] {
  const address = addressOf(text);
  return address === null ? [] : [{ address, network: cidrAt(address, LINK_LOCAL_BITS[address.family]) }];
}
