import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import PQueue from 'p-queue';
import { BayplanError } from '../../state/bayplan-error.ts';
import { parseCidr, type Cidr } from '../../state/cidr.ts';
import type { PublishedPort } from '../../state/container.ts';
import { DEFAULT_NETWORK, type Network, type NetworkSpec, predefinedNetworkId } from '../../state/network.ts';
import { networkOptions } from '../../state/network-options.ts';
import type { Paths } from '../../state/paths.ts';
import type { Kernel } from '../kernel.ts';
import { settled } from '../settled.ts';
import { readRecord, syncFolder, writeRecord } from '../record.ts';
import { SetAsides } from '../set-aside.ts';
import { linkExists, removeLinks } from './bridge.ts';
import { forgetUdpFlows } from './conntrack.ts';
import { hostRoutes } from './host-routes.ts';
import { choosePools } from './ipam.ts';
import { removeLeftovers } from './leftovers.ts';
import { Namespaces } from './namespaces.ts';
import { NetworkEntry, newNetworkNames } from './network-entry.ts';
import { type Attached, NetworkLinks } from './network-links.ts';
import { NETWORK_RECORD_VERSION, NetworkRecord } from './network-record.ts';
import type { Addresses, Endpoint, InhabitedNamespace, Networks, PinNetns, Publication, WantedAddresses } from './networks.ts';
import { PortCarriers } from './port-carriers.ts';
import { PublishedPorts } from './published-ports.ts';
import { Rules } from './rules.ts';
import { RulesetWatch } from './ruleset-watch.ts';
import { staleFlows } from './stale-flows.ts';
import type { TablePort } from './table.ts';
import { ZoneFiles } from './zone-files.ts';
import { namesOn } from './zone.ts';

/** Namespaces made at the same time: enough to keep both cores busy; more only wait for the kernel's one network lock, on Node's few threads. */
const CONNECTING = 3;
/** `core`: the program that serves ports where packet rules cannot. */
interface NetworkContext { readonly paths: Paths; readonly kernel: Kernel; readonly core: string; readonly now: () => number; readonly asides?: SetAsides }

/** Reads the networks' records. Nothing in the kernel is touched before `create` or `restore`. */
export async function createNetworks(context: NetworkContext): Promise<Networks> {
  const { paths, asides = new SetAsides() } = context;
  await mkdir(paths.networks, { recursive: true, mode: 0o700 });
  const entries = new Map<string, NetworkEntry>();
  for (const file of (await readdir(paths.networks)).sort()) {
    // What a crash left of a record that was never acknowledged.
    if (file.endsWith('.tmp')) await unlink(join(paths.networks, file));
    if (!file.endsWith('.json')) continue;
    const path = join(paths.networks, file);
    const entry = asides.read({ kind: 'network', name: file.slice(0, -'.json'.length), stack: null }, () => (
      new NetworkEntry(readRecord(path, NetworkRecord, NETWORK_RECORD_VERSION, 'put it back from a backup, or remove it and its bridge, and restart the engine'))));
    if (entry !== null) entries.set(entry.name, entry);
  }
  return new NetworkStore({ ...context, asides }, entries);
}

class NetworkStore implements Networks {
  readonly #context: NetworkContext;
  readonly #asides: SetAsides;
  readonly #entries: Map<string, NetworkEntry>;
  readonly #offset: number;
  readonly #rules: Rules;
  readonly #watch: RulesetWatch;
  readonly #ports: PublishedPorts;
  readonly #zones: ZoneFiles;
  readonly #links: NetworkLinks;
  readonly #namespaces: Namespaces;
  /** Networks are made and removed one at a time: the next one must see the subnets of the one before. */
  readonly #changes = new PQueue({ concurrency: 1 });
  readonly #connecting = new PQueue({ concurrency: CONNECTING });
  /** Containers whose names resolve, by id. */
  readonly #endpoints = new Map<string, Endpoint>();
  /** Ids of containers that are gone, and whose addresses others still live at. */
  readonly #released = new Set<string>();
  readonly #listeners = new Set<(event: 'create' | 'destroy', name: string, network: Network) => void>();
  #complaints: readonly string[] = [];

  constructor(context: NetworkContext & { readonly asides: SetAsides }, entries: Map<string, NetworkEntry>) {
    const { paths, kernel, core } = context;
    this.#context = context;
    this.#asides = context.asides;
    this.#entries = entries;
    this.#offset = paths.instance === '' ? 0 : Number.parseInt(paths.instance, 16);
    this.#rules = new Rules(context);
    this.#watch = new RulesetWatch(kernel, () => this.repair());
    this.#ports = new PublishedPorts(kernel, this.#offset, (id) => this.#nameOf(id), new PortCarriers(kernel, core, paths.carriers));
    this.#zones = new ZoneFiles(paths.zones);
    this.#links = new NetworkLinks(kernel, paths.linkPrefix);
    this.#namespaces = new Namespaces(kernel, paths.netns);
  }

  list(): ReadonlyMap<string, Network> {
    return new Map([...this.#entries].map(([name, entry]) => [name, entry.view()]));
  }

  spec(network: string): NetworkSpec | null {
    return this.#entries.get(network)?.record.spec ?? null;
  }

  id(network: string): string | null {
    return this.#entries.get(network)?.record.id ?? null;
  }

  gateway(network: string): string | null {
    return this.#entries.get(network)?.record.pools[0]?.gateway ?? null;
  }

  onEvent(listener: (event: 'create' | 'destroy', name: string, network: Network) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async create(name: string, stack: string, spec: NetworkSpec): Promise<void> {
    await this.#changes.add(async () => {
      this.#asides.refuse('network', name);
      const existing = this.#entries.get(name);
      if (existing !== undefined) checkSame(existing.record, stack, spec);
      else if (spec.external) throw new BayplanError('network-not-found', `network ${name} is external and not there; create it first`);
      const entry = existing ?? await this.#record(name, stack, spec);
      if (existing === undefined || !linkExists(entry.record.link)) await this.#provide(entry, existing === undefined);
      this.#apply();
      this.#rules.guard(true);
      await this.#zones.write(entry.zone);
      if (existing === undefined) this.#emit('create', entry);
    });
  }

  async remove(name: string): Promise<void> {
    await this.#changes.add(async () => {
      this.#asides.refuse('network', name);
      const entry = this.#entries.get(name);
      if (entry === undefined) return;
      const { owners } = entry;
      if (owners.length > 0) {
        throw new BayplanError('network-in-use', `network ${name} is in use by ${owners.map((id) => this.#nameOf(id)).join(', ')}; remove ${owners.length === 1 ? 'that container' : 'those containers'} first`);
      }
      this.#entries.delete(name); // in the same turn: no container gets an address of it in between
      try {
        await removeLinks(this.#context.kernel, entry.record.group);
        this.#links.forget(name);
        await this.#zones.remove(entry.zone);
        await unlink(this.#file(name));
        await syncFolder(this.#context.paths.networks);
      } catch (error) {
        this.#entries.set(name, entry);
        throw error;
      }
      this.#apply();
      this.#emit('destroy', entry);
    });
  }

  allocate(network: string, container: string, wanted: WantedAddresses): Addresses {
    return this.#entry(network).allocate(container, wanted);
  }

  reserve(container: string, addresses: readonly string[]): void {
    for (const text of addresses) {
      const entry = [...this.#entries.values()].find((each) => each.linkAddress(text).length > 0);
      entry?.allocate(container, text.includes(':') ? { ipv4: null, ipv6: text } : { ipv4: text, ipv6: null });
    }
  }

  release(network: string, container: string): void {
    if (this.#namespaces.isInhabited(container)) this.#released.add(container);
    else this.#entries.get(network)?.release(container);
  }

  async connect(endpoint: Endpoint, pin: PinNetns | null = null): Promise<string> {
    return this.join(endpoint, endpoint.id, pin);
  }

  async join(endpoint: Endpoint, inhabitant: string, pin: PinNetns | null = null): Promise<string> {
    const { id } = endpoint;
    const attached = this.#attached(endpoint);
    const path = this.#namespaces.path(id);
    if (this.#namespaces.enter(id, inhabitant)) {
      await this.reattach(endpoint);
      return path;
    }
    this.#rules.guard(false);
    try {
      this.#remember(endpoint);
      await settled([this.#connecting.add(() => this.#links.connect(path, attached, pin)), this.#writeZones(endpoint)]);
      return path;
    } catch (error) {
      await this.disconnect(inhabitant);
      throw error;
    }
  }

  async reattach(endpoint: Endpoint, doubtful = false): Promise<void> {
    const before = this.#endpoints.get(endpoint.id);
    if (before === undefined || !this.#namespaces.isInhabited(endpoint.id)) return;
    const after = { ...endpoint, ready: before.ready };
    if (!doubtful && isDeepStrictEqual(before, after)) return;
    const attached = this.#attached(after);
    const left = { ...before, attachments: before.attachments.filter(({ network }) => !after.attachments.some((other) => other.network === network)) };
    // Names never lead to a link that is not there.
    for (const zone of this.#zonesOf(left)) this.#zones.zone(zone).delete(before.id);
    await this.#writeZones(left);
    await this.#links.change(this.#namespaces.path(endpoint.id), doubtful ? [] : this.#attached(before), attached);
    this.#remember(after);
    await this.#writeZones(after);
  }

  async detach(endpoint: Endpoint, network: string): Promise<void> {
    await this.reattach(endpoint);
    this.#entries.get(network)?.release(endpoint.id);
  }

  async disconnect(id: string): Promise<void> {
    for (const owner of this.#namespaces.leave(id)) {
      const endpoint = this.#endpoints.get(owner);
      if (endpoint !== undefined) this.#forget(endpoint);
      await settled([endpoint === undefined ? Promise.resolve() : this.#writeZones(endpoint), this.#namespaces.remove(owner)]);
      if (this.#released.delete(owner)) for (const { network } of endpoint?.attachments ?? []) this.release(network, owner);
    }
  }

  async setReady(id: string, ready: boolean): Promise<void> {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined || endpoint.ready === ready) return;
    this.#endpoints.set(id, { ...endpoint, ready });
    for (const zone of this.#zonesOf(endpoint)) this.#zones.zone(zone).setReady(id, ready);
    if (this.#ports.setReady(id, ready)) this.#apply();
    await settled([this.#ports.settle(id), this.#writeZones(endpoint)]);
  }

  checkPorts(publication: Publication, mayYield: (container: string) => boolean): Promise<void> {
    return this.#ports.check(publication, mayYield);
  }

  async publish(publication: Publication): Promise<readonly PublishedPort[]> {
    const addresses = this.#publicAddresses(publication.container);
    const before = this.#ports.table;
    const { ports, serve, release } = await this.#ports.assign(addresses === null ? { ...publication, ports: [] } : publication, addresses ?? { ipv4: '', ipv6: '' }, this.#isReady(publication.container));
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

  async restore(namespaces: readonly InhabitedNamespace[], publications: readonly Publication[], untouched: readonly string[] = []): Promise<readonly string[]> {
    const lost: string[] = [];
    const complaints: string[] = [];
    const { kernel, paths } = this.#context;
    const all = !this.#asides.has('network');
    const groups = all ? new Set([...this.#entries.values()].map(({ record }) => record.group)) : null;
    await removeLeftovers(kernel, paths, new Set([...namespaces.map(({ endpoint }) => endpoint.id), ...untouched]), groups);
    for (const id of untouched) this.#namespaces.enter(id, id);
    for (const { endpoint, inhabitants } of namespaces) {
      this.#remember(endpoint);
      for (const inhabitant of inhabitants) this.#namespaces.enter(endpoint.id, inhabitant);
      for (const attachment of endpoint.attachments) {
        const { network, ipv4, ipv6 } = attachment;
        this.#links.remember(attachment);
        const entry = this.#entries.get(network);
        if (entry === undefined) complaints.push(`container ${endpoint.name} is on network ${network}, of which there is no record`);
        else entry.allocate(endpoint.id, { ipv4, ipv6: ipv6 === '' ? null : ipv6 });
      }
    }
    await this.#ports.find();
    for (const publication of publications) {
      try {
        await this.#ports.assign(publication, this.#publicAddresses(publication.container) ?? { ipv4: '', ipv6: '' }, this.#isReady(publication.container));
      } catch (error) {
        // The container runs on; only its ports cannot be given back to it.
        if (!(error instanceof BayplanError)) throw error;
        complaints.push(error.message);
        lost.push(publication.container);
      }
    }
    this.#complaints = complaints;
    this.#watch.start();
    this.#rules.distrust();
    this.#apply();
    this.#rules.guard(true);
    await this.#ports.resume();
    const zones = [...this.#entries.values()].map(({ zone }) => zone);
    if (all) await this.#zones.keepOnly(new Set(zones));
    await Promise.all(zones.map((zone) => this.#zones.write(zone)));
    return lost;
  }

  repair(): void {
    if (this.#rules.removed()) {
      this.#rules.distrust();
      this.#apply();
    }
    this.#rules.guard(true);
  }

  zoneFiles(networks: readonly string[]): readonly string[] {
    return networks.map((name) => this.#zones.path(this.#entry(name).zone));
  }

  notices(): readonly string[] {
    return [...this.#rules.notices(), ...this.#watch.notices(), ...this.#ports.notices(), ...this.#complaints];
  }

  async leaveHost(): Promise<void> {
    await this.#changes.add(async () => {
      this.#watch.stop(); // it would put the rules back
      for (const [name, { record }] of this.#entries) {
        await removeLinks(this.#context.kernel, record.group);
        this.#links.forget(name);
      }
      this.#rules.apply({ networks: new Map(), ports: new Map() });
    });
  }

  close(): void {
    this.#watch.stop();
    this.#ports.leaveBehind();
  }

  async #record(name: string, stack: string, spec: NetworkSpec): Promise<NetworkEntry> {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw new BayplanError('bad-request', `network name "${name}": expected letters, digits, "_", "." and "-", a letter or digit first`);
    const { kernel, paths, now } = this.#context;
    const names = newNetworkNames(paths.linkPrefix, spec, networkOptions(name, spec), stack === '' && name === DEFAULT_NETWORK ? predefinedNetworkId(paths.root, name) : undefined);
    const own = new Map([...this.#entries].map(([other, { subnets }]) => [other, subnets.map(({ subnet }) => subnet)]));
    const routes = await hostRoutes(kernel);
    const pools = choosePools(name, spec, { own, routes: [...routes, ...this.#rules.foreignSources()] }, { offset: this.#offset, id: names.id });
    if (spec.driver === 'bridge') for (const { subnet } of pools) refuseReached(name, subnet, routes);
    const record: NetworkRecord = { version: NETWORK_RECORD_VERSION, name, stack, spec, ...names, pools: [...pools], createdAt: now() };
    const entry = new NetworkEntry(record);
    await writeRecord(this.#file(name), record);
    this.#entries.set(name, entry);
    return entry;
  }

  async #provide(entry: NetworkEntry, isNew: boolean): Promise<void> {
    try {
      await this.#links.provide(entry);
    } catch (error) {
      if (isNew) {
        this.#entries.delete(entry.name);
        await unlink(this.#file(entry.name));
      }
      throw error;
    }
  }

  #emit(event: 'create' | 'destroy', entry: NetworkEntry): void {
    for (const listener of this.#listeners) listener(event, entry.name, entry.view());
  }

  #apply(): void {
    const networks = new Map([...this.#entries].flatMap(([name, entry]) => {
      const rules = entry.rules();
      return rules === null ? [] : [[name, rules] as const];
    }));
    this.#rules.apply({ networks, ports: this.#ports.table });
  }

  async #forgetFlows(before: ReadonlyMap<string, TablePort>): Promise<void> {
    const stale = staleFlows(before, this.#ports.table);
    if (stale !== null) await forgetUdpFlows(this.#context.kernel, stale);
  }

  #isReady(id: string): boolean {
    return this.#endpoints.get(id)?.ready ?? true;
  }

  /** Where a container's published ports lead: to its bridge that leads out, by priority; an internal one where it has no other. Null where it has no bridge. */
  #publicAddresses(id: string): Addresses | null {
    const bridges = (this.#endpoints.get(id)?.attachments ?? []).flatMap((attachment) => {
      const spec = this.#entries.get(attachment.network)?.record.spec;
      return spec?.driver === 'bridge' ? [{ attachment, internal: spec.internal }] : [];
    });
    const [first] = bridges.sort((a, b) => Number(a.internal) - Number(b.internal) || b.attachment.gatewayPriority - a.attachment.gatewayPriority);
    if (first === undefined) return null;
    const { ipv4, ipv6 } = first.attachment;
    return { ipv4, ipv6 };
  }

  /** Each attachment with its network, where its addresses are kept from others. */
  #attached({ id, attachments }: Endpoint): readonly Attached[] {
    return attachments.map((attachment) => {
      const entry = this.#entry(attachment.network);
      entry.allocate(id, { ipv4: attachment.ipv4, ipv6: attachment.ipv6 === '' ? null : attachment.ipv6 });
      return { entry, attachment };
    });
  }

  #remember(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.id, endpoint);
    for (const { network, ipv4, ipv6, names } of endpoint.attachments) {
      const entry = this.#entries.get(network);
      const addresses = [ipv4, ipv6].filter((address) => address !== '');
      if (entry !== undefined) this.#zones.zone(entry.zone).set(endpoint.id, { names: namesOn(network, names), addresses, ready: endpoint.ready });
    }
  }

  #forget(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.id);
    for (const zone of this.#zonesOf(endpoint)) this.#zones.zone(zone).delete(endpoint.id);
  }

  #zonesOf({ attachments }: Endpoint): readonly string[] {
    return attachments.flatMap(({ network }) => this.#entries.get(network)?.zone ?? []);
  }

  async #writeZones(endpoint: Endpoint): Promise<void> {
    await Promise.all(this.#zonesOf(endpoint).map((zone) => this.#zones.write(zone)));
  }

  #nameOf(id: string): string {
    return this.#endpoints.get(id)?.name ?? id.slice(0, 12);
  }

  #entry(name: string): NetworkEntry {
    this.#asides.refuse('network', name);
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new BayplanError('network-not-found', `network ${name} is not there; create it first`);
    return entry;
  }

  #file(name: string): string {
    return join(this.#context.paths.networks, `${name}.json`);
  }
}

/** A subnet that a route leads to already would take that one's packets. */
function refuseReached(name: string, subnet: string, routes: readonly Cidr[]): void {
  const wanted = parseCidr(subnet);
  const reached = wanted !== null && routes.some((route) => route.family === wanted.family && route.first === wanted.first && route.prefix === wanted.prefix);
  if (reached) throw new BayplanError('subnet-taken', `network ${name}: this host already reaches ${subnet} another way (ip route); choose another subnet`);
}

function checkSame(record: NetworkRecord, stack: string, spec: NetworkSpec): void {
  const differing = record.stack !== stack ? 'stack' : Object.entries(spec).find(([field, value]) => !isDeepStrictEqual(value, Object.entries(record.spec).find(([name]) => name === field)?.[1]))?.[0];
  if (differing !== undefined) throw new BayplanError('conflict', `network ${record.name} is there with another ${differing}; remove it first, or use another name`);
}
