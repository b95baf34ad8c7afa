import { isDeepStrictEqual } from 'node:util';
import PQueue from 'p-queue';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { PublishedPort } from '../../state/container.ts';
import type { Drift } from '../../state/drift.ts';
import type { Network, NetworkSpec } from '../../state/network.ts';
import type { Paths } from '../../state/paths.ts';
import type { Kernel } from '../kernel.ts';
import { settled } from '../settled.ts';
import { SetAsides } from '../set-aside.ts';
import type { AddressSpace } from './address-spaces.ts';
import { linkExists, removeLinks } from './bridge.ts';
import { forgetUdpFlows } from './conntrack.ts';
import { EndpointNames } from './endpoint-names.ts';
import { hostRoutes } from './host-routes.ts';
import { removeLeftovers } from './leftovers.ts';
import { Namespaces } from './namespaces.ts';
import type { NetworkEntry } from './network-entry.ts';
import { NetworkDrift } from './network-drift.ts';
import { type Attached, NetworkLinks } from './network-links.ts';
import { NetworkRecords } from './network-records.ts';
import type { Addresses, Endpoint, InhabitedNamespace, Networks, PinNetns, Publication, Survivor, WantedAddresses } from './networks.ts';
import { passOn } from './parent-link.ts';
import { PortCarriers } from './port-carriers.ts';
import { PublishedPorts } from './published-ports.ts';
import { Rules } from './rules.ts';
import { staleFlows } from './stale-flows.ts';
import type { TablePort } from './table.ts';

/** Namespaces made at the same time: enough to keep both cores busy; more only wait for the kernel's one network lock, on Node's few threads. */
const CONNECTING = 3;
/** `core`: the program that serves ports where packet rules cannot. `spaces`: what subnets are chosen from; without it Docker's pools. */
interface NetworkContext { readonly paths: Paths; readonly kernel: Kernel; readonly core: string; readonly now: () => number; readonly spaces?: readonly AddressSpace[] | undefined; readonly asides?: SetAsides }

/** Reads the networks' records. Nothing in the kernel is touched before `create` or `restore`. */
export async function createNetworks(context: NetworkContext): Promise<Networks> {
  return new NetworkStore(context, await NetworkRecords.open(context.paths, context.asides ?? new SetAsides()));
}

class NetworkStore implements Networks {
  readonly #context: NetworkContext;
  readonly #records: NetworkRecords;
  readonly #offset: number;
  readonly #rules: Rules;
  readonly #drift: NetworkDrift;
  readonly #ports: PublishedPorts;
  readonly #names: EndpointNames;
  readonly #links: NetworkLinks;
  readonly #namespaces: Namespaces;
  /** Networks are made and removed one at a time: the next one must see the subnets of the one before. */
  readonly #changes = new PQueue({ concurrency: 1 });
  readonly #connecting = new PQueue({ concurrency: CONNECTING });
  /** Ids of containers that are gone, and whose addresses others still live at. */
  readonly #released = new Set<string>();
  readonly #listeners = new Set<(event: 'create' | 'destroy', name: string, network: Network) => void>();
  #complaints: readonly string[] = [];

  constructor(context: NetworkContext, records: NetworkRecords) {
    const { paths, kernel, core } = context;
    this.#context = context;
    this.#records = records;
    this.#offset = paths.instance === '' ? 0 : Number.parseInt(paths.instance, 16);
    this.#rules = new Rules(context);
    this.#ports = new PublishedPorts(kernel, this.#offset, (id) => this.#names.nameOf(id), new PortCarriers(kernel, core, paths.carriers));
    this.#names = new EndpointNames(paths.zones, (network) => records.get(network)?.zone ?? null);
    this.#links = new NetworkLinks(kernel, paths.linkPrefix);
    this.#namespaces = new Namespaces(kernel, paths.netns);
    const names = ({ zone }: NetworkEntry): { file: string; found: string } | null => {
      const found = this.#names.changed(zone);
      return found === null ? null : { file: this.#names.path(zone), found };
    };
    this.#drift = new NetworkDrift({ kernel, records, rules: this.#rules, names, published: () => new Map(this.#ports.containers.map((id) => [id, this.#publicAddresses(id)])) });
  }

  list(): ReadonlyMap<string, Network> {
    return new Map(this.#records.all().map((entry) => [entry.name, this.#drift.view(entry)]));
  }

  spec(network: string): NetworkSpec | null {
    return this.#records.get(network)?.record.spec ?? null;
  }

  id(network: string): string | null {
    return this.#records.get(network)?.record.id ?? null;
  }

  gateway(network: string): string | null {
    return this.#records.get(network)?.record.pools[0]?.gateway ?? null;
  }

  onEvent(listener: (event: 'create' | 'destroy', name: string, network: Network) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async create(name: string, stack: string, spec: NetworkSpec): Promise<void> {
    await this.#changes.add(async () => {
      const existing = this.#records.same(name, stack, spec);
      const entry = existing ?? await this.#record(name, stack, spec);
      await this.#stand(entry, existing === null);
      if (existing === null) this.#emit('create', entry);
    });
  }

  async label(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    await this.#changes.add(() => this.#records.label(this.#records.find(name), labels));
  }

  async remove(name: string): Promise<void> {
    await this.#changes.add(async () => {
      const entry = this.#records.readable(name);
      if (entry === null) return;
      const owners = entry.owners.filter((id) => this.#namespaces.isInhabited(id) && !this.#released.has(id));
      if (owners.length > 0) {
        throw new BayplanError('network-in-use', `network ${name} is in use by ${owners.map((id) => this.#names.nameOf(id)).join(', ')}; stop ${owners.length === 1 ? 'that container' : 'those containers'} first`);
      }
      await this.#records.remove(entry, async () => {
        const { link, spec, group } = entry.record;
        const heir = this.#records.all().find(({ record }) => record.link === link && spec.driver !== 'bridge');
        if (heir !== undefined) await passOn(this.#context.kernel, link, group, heir);
        await removeLinks(this.#context.kernel, group);
        this.#links.forget(name);
        await this.#names.removeZone(entry.zone);
      });
      this.#apply();
      this.#emit('destroy', entry);
    });
  }

  allocate(network: string, container: string, wanted: WantedAddresses): Addresses {
    return this.#records.find(network).allocate(container, wanted);
  }

  reserve(container: string, addresses: readonly string[]): void {
    for (const text of addresses) {
      const entry = this.#records.all().find((each) => each.linkAddress(text).length > 0);
      entry?.allocate(container, text.includes(':') ? { ipv4: null, ipv6: text } : { ipv4: text, ipv6: null });
    }
  }

  async release(network: string, container: string): Promise<void> {
    if (!this.#namespaces.isInhabited(container)) {
      this.#records.get(network)?.release(container);
      return;
    }
    this.#released.add(container);
    const left = { id: container, attachments: this.#names.get(container)?.attachments.filter((attachment) => attachment.network === network) ?? [] };
    this.#names.leave(left);
    await this.#names.write(left);
  }

  pin(container: string): string {
    return this.#namespaces.pin(container).path;
  }

  async connect(endpoint: Endpoint, pin: PinNetns | null = null): Promise<string> {
    return this.join(endpoint, endpoint.id, pin);
  }

  async join(endpoint: Endpoint, inhabitant: string, pin: PinNetns | null = null): Promise<string> {
    const { id } = endpoint;
    const attached = await this.#linked(endpoint);
    const place = this.#namespaces.pin(id);
    if (this.#namespaces.enter(id, inhabitant)) {
      await this.reattach(endpoint);
      return place.path;
    }
    this.#rules.guard(false);
    try {
      this.#names.set(endpoint);
      await settled([this.#connecting.add(() => this.#links.connect(place, attached, pin)), this.#names.write(endpoint)]);
      return place.path;
    } catch (error) {
      await this.disconnect(inhabitant);
      throw error;
    }
  }

  async reattach(endpoint: Endpoint, doubtful = false): Promise<void> {
    const before = this.#names.get(endpoint.id);
    if (before === null || !this.#namespaces.isInhabited(endpoint.id)) return;
    const after = { ...endpoint, ready: before.ready };
    if (!doubtful && isDeepStrictEqual(before, after)) return;
    const attached = await this.#linked(after);
    const left = { ...before, attachments: before.attachments.filter(({ network }) => !after.attachments.some((other) => other.network === network)) };
    // Names never lead to a link that is not there.
    this.#names.leave(left);
    await this.#names.write(left);
    await this.#links.change(this.#namespaces.pin(endpoint.id).path, doubtful ? [] : this.#attached(before), attached);
    this.#names.set(after);
    await this.#names.write(after);
  }

  async detach(endpoint: Endpoint, network: string): Promise<void> {
    await this.reattach(endpoint);
    this.#records.get(network)?.release(endpoint.id);
  }

  async disconnect(id: string): Promise<void> {
    for (const owner of this.#namespaces.leave(id)) {
      const endpoint = this.#names.get(owner);
      if (endpoint !== null) this.#names.delete(endpoint);
      await settled([endpoint === null ? Promise.resolve() : this.#names.write(endpoint), this.#namespaces.remove(owner)]);
      if (this.#released.delete(owner)) for (const entry of this.#records.all()) entry.release(owner);
    }
  }

  async setReady(id: string, ready: boolean): Promise<void> {
    const endpoint = this.#names.get(id);
    if (endpoint === null || endpoint.ready === ready) return;
    this.#names.setReady(endpoint, ready);
    if (this.#ports.setReady(id, ready)) this.#apply();
    await settled([this.#ports.settle(id), this.#names.write(endpoint)]);
  }

  checkPorts(publication: Publication, ipv6: boolean, mayYield: (container: string) => boolean): Promise<void> {
    return this.#ports.check(publication, ipv6, mayYield);
  }

  async publish(publication: Publication): Promise<readonly PublishedPort[]> {
    const addresses = this.#publicAddresses(publication.container);
    const before = this.#ports.table;
    const { ports, serve, release } = await this.#ports.assign(addresses === null ? { ...publication, ports: [] } : publication, addresses ?? { ipv4: '', ipv6: '' }, this.#names.isReady(publication.container));
    try {
      this.#apply();
      await serve();
    } catch (error) {
      if (ports.length > 0) await this.publish({ ...publication, ports: [] });
      throw error;
    } finally {
      await release();
    }
    this.#rules.guard(false);
    await this.#forgetFlows(before);
    return ports;
  }

  async restore(namespaces: readonly InhabitedNamespace[], publications: readonly Publication[], untouched: readonly string[] = [], survivors: readonly Survivor[] = []): Promise<readonly string[]> {
    const { kernel, paths } = this.#context;
    const { whole } = this.#records;
    const groups = whole ? new Set(this.#records.all().map(({ record }) => record.group)) : null;
    await this.#namespaces.keepOnly([...namespaces.map(({ endpoint }) => endpoint.id), ...untouched]);
    if (groups !== null) await removeLeftovers(kernel, paths.linkPrefix, groups);
    for (const id of untouched) this.#namespaces.enter(id, id);
    const recordless = namespaces.flatMap((each) => this.#restoreNamespace(each));
    for (const survivor of survivors) recordless.push(...await this.#restoreSurvivor(survivor));
    await this.#ports.find();
    const { lost, complaints } = await this.#restorePorts(publications);
    this.#complaints = [...recordless, ...complaints];
    this.#rules.distrust();
    this.#apply();
    this.#rules.guard(true);
    await this.#ports.resume();
    const zones = this.#records.all().map(({ zone }) => zone);
    if (whole) await this.#names.keepOnly(new Set(zones));
    await Promise.all(zones.map((zone) => this.#names.writeZone(zone)));
    return lost;
  }

  repair(): void {
    if (this.#rules.drift().length > 0) {
      this.#rules.distrust();
      this.#apply();
    }
    this.#drift.rulesMade();
    this.#rules.guard(true);
  }

  guard(): void {
    this.#rules.guard(true);
  }

  lookAtLinks(): Promise<void> {
    return this.#drift.lookAtLinks();
  }

  lookAtNames(): void {
    this.#drift.lookAtNames();
  }

  lookAtRules(by: string | null): void {
    this.#drift.lookAtRules(by);
  }

  async driftOf(id: string, inside: boolean): Promise<readonly Drift[]> {
    const endpoint = this.#names.get(id);
    const ports = this.#drift.ofPorts(id);
    if (!inside || endpoint === null || endpoint.attachments.length === 0 || !this.#namespaces.isInhabited(id)) return ports;
    const known = endpoint.attachments.filter(({ network }) => this.#records.get(network) !== null); // of one whose record cannot be read nothing is known
    return [...await this.#links.drift(this.#namespaces.pin(id).path, this.#attached({ ...endpoint, attachments: known })), ...ports];
  }

  async mend(id: string): Promise<void> {
    const endpoint = this.#names.get(id);
    if (endpoint !== null && this.#namespaces.isInhabited(id)) await this.#links.mend(this.#namespaces.pin(id).path, this.#attached(endpoint));
  }

  async mendNetwork(name: string): Promise<void> {
    await this.#changes.add(async () => {
      const entry = this.#records.find(name);
      await this.#records.keep(entry);
      await this.#links.mendNetwork(entry);
      await this.#names.mendZone(entry.zone);
    });
  }

  zoneFiles(networks: readonly string[]): readonly string[] {
    return networks.map((name) => this.#names.path(this.#records.find(name).zone));
  }

  notices(): readonly string[] {
    return [...this.#rules.notices(), ...this.#ports.notices(), ...this.#complaints];
  }

  async leaveHost(): Promise<void> {
    await this.#changes.add(async () => {
      for (const { name, record } of this.#records.all()) {
        await removeLinks(this.#context.kernel, record.group);
        this.#links.forget(name);
      }
      this.#rules.apply({ networks: new Map(), ports: new Map() });
    });
  }

  close(): void {
    this.#ports.leaveBehind();
    this.#namespaces.close();
  }

  async #record(name: string, stack: string, spec: NetworkSpec): Promise<NetworkEntry> {
    const { kernel, now, spaces = null } = this.#context;
    return await this.#records.add(name, stack, spec, now(), { routes: await hostRoutes(kernel), foreign: this.#rules.foreignSources(), spaces, offset: this.#offset });
  }

  /** Makes what of it is not there, as one of the changes. */
  async #stand(entry: NetworkEntry, isNew: boolean): Promise<void> {
    if (isNew || !linkExists(entry.record.link)) await this.#provide(entry, isNew);
    this.#apply();
    this.#rules.guard(true);
    await this.#names.writeZone(entry.zone);
  }

  async #provide(entry: NetworkEntry, isNew: boolean): Promise<void> {
    try {
      await this.#links.provide(entry);
    } catch (error) {
      if (isNew) await this.#records.remove(entry, () => Promise.resolve());
      throw error;
    }
  }

  /** Answers what is to be told of it. */
  #restoreNamespace({ endpoint, inhabitants }: InhabitedNamespace): readonly string[] {
    this.#names.set(endpoint);
    for (const inhabitant of inhabitants) this.#namespaces.enter(endpoint.id, inhabitant);
    return endpoint.attachments.flatMap((attachment) => {
      const { network, ipv4, ipv6 } = attachment;
      this.#links.remember(attachment);
      const entry = this.#records.get(network);
      if (entry === null) return [`container ${endpoint.name} is on network ${network}, of which there is no record`];
      entry.allocate(endpoint.id, { ipv4, ipv6: ipv6 === '' ? null : ipv6 });
      return [];
    });
  }

  /** Keeps from others what addresses there are where one lives whose home was removed, for as long as it lives there. Answers what is to be told of it. */
  async #restoreSurvivor({ id, netns }: Survivor): Promise<readonly string[]> {
    const addresses = await this.#links.addressesIn(netns);
    this.#namespaces.enter(id, id);
    this.#released.add(id);
    return this.#records.all().flatMap((entry) => {
      const own = addresses.filter((text) => entry.linkAddress(text).length > 0);
      if (own.length === 0) return [];
      try {
        entry.allocate(id, { ipv4: own.find((text) => !text.includes(':')) ?? null, ipv6: own.find((text) => text.includes(':')) ?? null });
        return [];
      } catch (error) {
        if (!(error instanceof BayplanError)) throw error;
        return [`container ${id.slice(0, 12)}, which lives on where the container was whose network it shares: ${error.message}`];
      }
    });
  }

  /** `lost`: containers that run on without their ports. */
  async #restorePorts(publications: readonly Publication[]): Promise<{ readonly lost: readonly string[]; readonly complaints: readonly string[] }> {
    const lost: string[] = [];
    const complaints: string[] = [];
    for (const publication of publications) {
      const addresses = this.#publicAddresses(publication.container);
      if (addresses === null && this.#records.whole) { // an engine of before published ports of internal networks too; of one whose record cannot be read nothing is known
        lost.push(publication.container);
        continue;
      }
      try {
        await this.#ports.assign(publication, addresses ?? { ipv4: '', ipv6: '' }, this.#names.isReady(publication.container));
      } catch (error) {
        if (!(error instanceof BayplanError)) throw error;
        complaints.push(error.message);
        lost.push(publication.container);
      }
    }
    return { lost, complaints };
  }

  #emit(event: 'create' | 'destroy', entry: NetworkEntry): void {
    for (const listener of this.#listeners) listener(event, entry.name, entry.view());
  }

  #apply(): void {
    const networks = new Map(this.#records.all().flatMap((entry) => {
      const rules = entry.rules();
      return rules === null ? [] : [[entry.name, rules] as const];
    }));
    this.#rules.apply({ networks, ports: this.#ports.table });
  }

  async #forgetFlows(before: ReadonlyMap<string, TablePort>): Promise<void> {
    const stale = staleFlows(before, this.#ports.table);
    if (stale !== null) await forgetUdpFlows(this.#context.kernel, stale);
  }

  /** Where a container's published ports lead: to its bridge that leads out, by priority. Null where it has none: an internal network is closed from outside too, as in Docker. */
  #publicAddresses(id: string): Addresses | null {
    const bridges = (this.#names.get(id)?.attachments ?? []).flatMap((attachment) => {
      const spec = this.#records.get(attachment.network)?.record.spec;
      return spec?.driver === 'bridge' && !spec.internal ? [attachment] : [];
    });
    const [first] = bridges.sort((a, b) => b.gatewayPriority - a.gatewayPriority);
    return first === undefined ? null : { ipv4: first.ipv4, ipv6: first.ipv6 };
  }

  /** Each attachment with its network, whose link is made again where a boot or a person has taken it away. Throws `network-not-found` where somebody removes the network meanwhile. */
  async #linked(endpoint: Endpoint): Promise<readonly Attached[]> {
    const attached = this.#attached(endpoint);
    const lost = attached.filter(({ entry: { name, record } }) => !this.#links.knows(name) && !linkExists(record.link));
    for (const { entry: { name } } of lost) await this.#changes.add(() => this.#stand(this.#records.find(name), false));
    return lost.length === 0 ? attached : this.#attached(endpoint);
  }

  /** Each attachment with its network, where its addresses are kept from others. */
  #attached({ id, attachments }: Endpoint): readonly Attached[] {
    return attachments.map((attachment) => {
      const entry = this.#records.find(attachment.network);
      entry.allocate(id, { ipv4: attachment.ipv4, ipv6: attachment.ipv6 === '' ? null : attachment.ipv6 });
      return { entry, attachment };
    });
  }
}
