import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import { addressOf, cidrAt, type Cidr } from '../../state/cidr.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { createBridge, linkExists, linkIndex } from './bridge.ts';
import { type EndpointLink, hostRequests, innerRequests, type Uplink } from './endpoint-links.ts';
import { checkAnswers } from './link-request.ts';
import type { NetworkEntry } from './network-entry.ts';
import type { EndpointAttachment } from './networks.ts';
import { IPVLAN_FLAGS, IPVLAN_MODES, MACVLAN_MODES } from './rtnetlink.ts';

/** One attachment of a container with the network that it is to. */
export interface Attached { readonly entry: NetworkEntry; readonly attachment: EndpointAttachment }

/** The links of networks on the host, and those that lead from them into containers. */
export class NetworkLinks {
  readonly #kernel: Kernel;
  readonly #prefix: string;
  /** Indices of bridges and parent links by network. */
  readonly #indices = new Map<string, number>();
  /** Networks with the hardware addresses that a link of theirs has, or had: a bridge may know one on a port that is going. */
  readonly #known = new Set<string>();

  constructor(kernel: Kernel, prefix: string) {
    this.#kernel = kernel;
    this.#prefix = prefix;
  }

  /** Makes a network's bridge where it is missing; the parent of a macvlan or ipvlan network has to be there. */
  async provide({ name, record: { link, group, spec }, subnets, options }: NetworkEntry): Promise<void> {
    if (linkExists(link) && spec.driver === 'bridge' && this.#indices.has(name)) return;
    if (spec.driver !== 'bridge') {
      if (options.parent === '') throw new BayplanError('bad-request', `network ${name}: driver ${spec.driver} needs the link of this host that it is to be on; name one of "ip link" as the option parent`);
      if (!linkExists(link)) throw new BayplanError('bad-request', `network ${name}: this host has no link "${link}"; name one of "ip link" as the option parent`);
      return;
    }
    this.#indices.set(name, await createBridge(this.#kernel, { name: link, group, subnets, mtu: options.mtu, isolated: !options.icc }));
  }

  forget(network: string): void {
    this.#indices.delete(network);
  }

  /** A container has this attachment already. Answers whether that was known. */
  remember({ network, macAddress, ipv4, ipv6 }: EndpointAttachment): boolean {
    const key = `${network} ${macAddress || ipv4 || ipv6}`;
    const known = this.#known.has(key);
    this.#known.add(key);
    return known;
  }

  /** Makes a namespace at `path` with a link for each attachment, all up. */
  async connect(path: string, attached: readonly Attached[]): Promise<void> {
    if (existsSync(path)) await this.#kernel.removeNetns(path);
    if (attached.length === 0) return await this.#kernel.createNetns(path);
    const links = await Promise.all(attached.map(async ({ entry, attachment }) => this.#linkOf(entry, attachment, await this.#uplink(entry))));
    const netns = openSync('/dev/null', 'r'); // a number that the host's requests can name; the call makes it lead to the new namespace
    try {
      const [outer, inner] = [hostRequests(links, netns), innerRequests(links)];
      const ipv6 = attached.some(({ attachment }) => attachment.ipv6 !== '');
      const answers = await this.#kernel.connectNetns(path, netns, ipv6, outer.map(({ message }) => message), inner.map(({ message }) => message));
      checkAnswers(outer, answers.outer);
      checkAnswers(inner, answers.inner);
    } catch (error) {
      // A bridge removed by hand: the index that is remembered is not true any more.
      for (const { entry } of attached) this.forget(entry.name);
      throw error instanceof KernelError && error.code === 'ENOTSUP' ? unsupported(attached, error) : error;
    } finally {
      closeSync(netns);
    }
  }

  #linkOf(entry: NetworkEntry, attachment: EndpointAttachment, uplink: Uplink): EndpointLink {
    const { macAddress, interfaceName, gatewayPriority, linkLocalIps } = attachment;
    return {
      uplink, announced: this.remember(attachment) || uplink.kind !== 'veth', interfaceName, gatewayPriority, internal: entry.record.spec.internal, mtu: entry.options.mtu,
      mac: macAddress === '' ? null : Buffer.from(macAddress.replaceAll(/[:-]/g, ''), 'hex'),
      addresses: [...entry.linkAddress(attachment.ipv4), ...entry.linkAddress(attachment.ipv6)],
      linkLocal: linkLocalIps.flatMap(linkLocal),
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
