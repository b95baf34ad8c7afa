import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import PQueue from 'p-queue';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { PublishedPort } from '../../state/container.ts';
import type { Network, NetworkSpec } from '../../state/network.ts';
import type { Paths } from '../../state/paths.ts';
import type { Kernel } from '../kernel.ts';
import { readRecord, syncFolder, writeRecord } from '../record.ts';
import { createBridge, linkExists, linkIndex, removeLinks } from './bridge.ts';
import { addressOf, addressText, cidrText } from './cidr.ts';
import { forgetUdpFlows } from './conntrack.ts';
import { type EndpointLink, hostRequests, innerRequests } from './endpoint-links.ts';
import { hostRoutes } from './host-routes.ts';
import { AddressPool, chooseSubnet, type Subnet, subnetOf } from './ipam.ts';
import { removeLeftovers } from './leftovers.ts';
import { checkAnswers } from './link-request.ts';
import { NETWORK_RECORD_VERSION, NetworkRecord } from './network-record.ts';
import type { Endpoint, Networks, Publication } from './networks.ts';
import { PublishedPorts } from './published-ports.ts';
import { Rules } from './rules.ts';
import type { TablePort } from './table.ts';
import { ZoneFiles } from './zone-files.ts';

/** Namespaces made at the same time: enough to keep both cores busy; more only wait for the kernel's one network lock, on Node's few threads. */
const CONNECTING = 3;
interface Entry { readonly record: NetworkRecord; readonly subnet: Subnet; readonly pool: AddressPool }
interface NetworkContext { readonly paths: Paths; readonly kernel: Kernel; readonly now: () => number }

/** Reads the networks' records. Nothing in the kernel is touched before `create` or `restore`. */
export async function createNetworks(context: NetworkContext): Promise<Networks> {
  const { paths } = context;
  await mkdir(paths.networks, { recursive: true, mode: 0o700 });
  const entries = new Map<string, Entry>();
  for (const file of (await readdir(paths.networks)).sort()) {
    // What a crash left of a record that was never acknowledged.
    if (file.endsWith('.tmp')) await unlink(join(paths.networks, file));
    if (!file.endsWith('.json')) continue;
    const record = readRecord(join(paths.networks, file), NetworkRecord, NETWORK_RECORD_VERSION);
    entries.set(record.name, entryOf(record));
  }
  return new NetworkStore(context, entries);
}

function entryOf(record: NetworkRecord): Entry {
  const subnet = subnetOf(record.name, record.spec.ipam, record);
  return { record, subnet, pool: new AddressPool(record.name, subnet) };
}

class NetworkStore implements Networks {
  readonly #context: NetworkContext;
  readonly #entries: Map<string, Entry>;
  readonly #offset: number;
  readonly #rules: Rules;
  readonly #ports: PublishedPorts;
  readonly #zones: ZoneFiles;
  /** Networks are made and removed one at a time: the next one must see the subnets of the one before. */
  readonly #changes = new PQueue({ concurrency: 1 });
  readonly #connecting = new PQueue({ concurrency: CONNECTING });
  /** Containers whose names resolve. */
  readonly #endpoints = new Map<string, Endpoint>();
  /** Containers that have a pinned namespace. While there is one, its folder is a mount point. */
  readonly #pinned = new Set<string>();
  readonly #bridges = new Map<string, number>();
  #complaints: readonly string[] = [];

  constructor(context: NetworkContext, entries: Map<string, Entry>) {
    const { paths, kernel } = context;
    this.#context = context;
    this.#entries = entries;
    this.#offset = paths.instance === '' ? 0 : Number.parseInt(paths.instance, 16);
    this.#rules = new Rules(context);
    this.#ports = new PublishedPorts(kernel, this.#offset, (id) => this.#endpoints.get(id)?.name ?? id.slice(0, 12));
    this.#zones = new ZoneFiles(paths.zones);
  }

  list(): ReadonlyMap<string, Network> {
    return new Map([...this.#entries].map(([name, { record }]) => {
      const { stack, spec, id, link, subnet, gateway, createdAt } = record;
      return [name, { stack, spec, status: { id, link, subnet, gateway, createdAt, present: linkExists(link) } }];
    }));
  }

  spec(network: string): NetworkSpec | null {
    return this.#entries.get(network)?.record.spec ?? null;
  }

  gateway(network: string): string | null {
    return this.#entries.get(network)?.record.gateway ?? null;
  }

  async create(name: string, stack: string, spec: NetworkSpec): Promise<void> {
    await this.#changes.add(async () => {
      const existing = this.#entries.get(name);
      if (existing !== undefined) checkSame(existing.record, stack, spec);
      else if (spec.external) throw new BayplanError('network-not-found', `network ${name} is external and not there; create it first`);
      const entry = existing ?? await this.#record(name, stack, spec);
      if (existing === undefined || !linkExists(entry.record.link)) await this.#makeBridge(entry, existing === undefined);
      this.#apply();
      this.#rules.guard(true);
      await this.#zones.write(zoneOf(entry.record));
    });
  }

  async remove(name: string): Promise<void> {
    await this.#changes.add(async () => {
      const entry = this.#entries.get(name);
      if (entry === undefined) return;
      const { owners } = entry.pool;
      if (owners.length > 0) {
        const names = owners.map((id) => this.#endpoints.get(id)?.name ?? id.slice(0, 12));
        throw new BayplanError('network-in-use', `network ${name} is in use by ${names.join(', ')}; remove ${names.length === 1 ? 'that container' : 'those containers'} first`);
      }
      await removeLinks(this.#context.kernel, entry.record.group);
      this.#bridges.delete(name);
      await this.#zones.remove(zoneOf(entry.record));
      await unlink(this.#file(name));
      await syncFolder(this.#context.paths.networks);
      this.#entries.delete(name);
      this.#apply();
    });
  }

  allocate(network: string, container: string, wanted: string | null): string {
    return this.#entry(network).pool.allocate(container, wanted);
  }

  release(network: string, container: string): void {
    this.#entries.get(network)?.pool.release(container);
  }

  async connect(endpoint: Endpoint): Promise<string> {
    const path = this.#netns(endpoint.id);
    const entries = endpoint.attachments.map(({ network, address }) => {
      const entry = this.#entry(network);
      entry.pool.allocate(endpoint.id, address);
      return entry;
    });
    this.#pin(endpoint.id);
    this.#rules.guard(false);
    try {
      await this.#connecting.add(() => this.#link(path, endpoint, entries));
      this.#remember(endpoint);
      await this.#writeZones(endpoint);
      return path;
    } catch (error) {
      await this.disconnect(endpoint.id);
      throw error;
    }
  }

  async disconnect(id: string): Promise<void> {
    const endpoint = this.#endpoints.get(id);
    if (endpoint !== undefined) {
      this.#forget(endpoint);
      await this.#writeZones(endpoint);
    }
    if (existsSync(this.#netns(id))) await this.#context.kernel.removeNetns(this.#netns(id));
    this.#unpin(id);
  }

  async setReady(id: string, ready: boolean): Promise<void> {
    const endpoint = this.#endpoints.get(id);
    if (endpoint === undefined || endpoint.ready === ready) return;
    this.#endpoints.set(id, { ...endpoint, ready });
    for (const zone of this.#zonesOf(endpoint)) this.#zones.zone(zone).setReady(id, ready);
    await this.#writeZones(endpoint);
  }

  async publish(publication: Publication): Promise<readonly PublishedPort[]> {
    const before = this.#ports.table;
    const { ports, release } = await this.#ports.assign(publication);
    try {
      this.#apply();
    } finally {
      release();
    }
    this.#rules.guard(false);
    await this.#forgetFlows(before, this.#ports.table);
    return ports;
  }

  async restore(endpoints: readonly Endpoint[], publications: readonly Publication[]): Promise<readonly string[]> {
    const lost: string[] = [];
    const complaints: string[] = [];
    const { kernel, paths } = this.#context;
    const groups = new Set([...this.#entries.values()].map(({ record }) => record.group));
    await removeLeftovers(kernel, paths, new Set(endpoints.map((one) => one.id)), groups);
    for (const endpoint of endpoints) {
      this.#remember(endpoint);
      if (existsSync(this.#netns(endpoint.id))) this.#pin(endpoint.id);
      for (const { network, address } of endpoint.attachments) {
        const entry = this.#entries.get(network);
        if (entry === undefined) complaints.push(`container ${endpoint.name} is on network ${network}, of which there is no record`);
        else entry.pool.allocate(endpoint.id, address);
      }
    }
    for (const publication of publications) {
      try {
        await this.#ports.assign(publication);
      } catch (error) {
        // The container runs on; only its ports cannot be given back to it.
        if (!(error instanceof BayplanError)) throw error;
        complaints.push(error.message);
        lost.push(publication.container);
      }
    }
    this.#complaints = complaints;
    this.#rules.distrust();
    this.#apply();
    this.#rules.guard(true);
    const zones = [...this.#entries.values()].map(({ record }) => zoneOf(record));
    await this.#zones.keepOnly(new Set(zones));
    await Promise.all(zones.map((zone) => this.#zones.write(zone)));
    return lost;
  }

  repair(): void {
    if (!this.#rules.removed()) return;
    this.#rules.distrust();
    this.#apply();
    this.#rules.guard(true);
  }

  zoneFiles(networks: readonly string[]): readonly string[] {
    return networks.map((name) => this.#zones.path(zoneOf(this.#entry(name).record)));
  }

  notices(): readonly string[] {
    return [...this.#rules.notices(), ...this.#complaints];
  }

  close(): void {
    this.#ports.clear();
  }

  async #record(name: string, stack: string, spec: NetworkSpec): Promise<Entry> {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw new BayplanError('bad-request', `network name "${name}": expected letters, digits, "_", "." and "-", a letter or digit first`);
    const { kernel, paths, now } = this.#context;
    const own = new Map([...this.#entries].map(([other, { subnet }]) => [other, subnet.subnet]));
    const routes = await hostRoutes(kernel);
    const { subnet, gateway } = chooseSubnet(name, spec.ipam, own, [...routes, ...this.#rules.foreignSources()], this.#offset);
    if (routes.some((route) => route.first === subnet.first && route.prefix === subnet.prefix)) {
      throw new BayplanError('subnet-taken', `network ${name}: this host already reaches ${cidrText(subnet)} another way (ip route); choose another subnet`);
    }
    const id = randomBytes(32).toString('hex');
    const record: NetworkRecord = {
      version: NETWORK_RECORD_VERSION, name, stack, spec, id, link: `${paths.linkPrefix}${id.slice(0, 8)}`,
      // 28 random bits above the small numbers that administrators use.
      group: 0x10000000 + Number.parseInt(id.slice(8, 15), 16), subnet: cidrText(subnet), gateway: addressText(gateway), createdAt: now(),
    };
    await writeRecord(this.#file(name), record);
    const entry = entryOf(record);
    this.#entries.set(name, entry);
    return entry;
  }

  async #makeBridge(entry: Entry, isNew: boolean): Promise<void> {
    const { name, link, group } = entry.record;
    try {
      this.#bridges.set(name, await createBridge(this.#context.kernel, { name: link, group, subnet: entry.subnet }));
    } catch (error) {
      if (isNew) {
        this.#entries.delete(name);
        await unlink(this.#file(name));
      }
      throw error;
    }
  }

  async #link(path: string, endpoint: Endpoint, entries: readonly Entry[]): Promise<void> {
    const { kernel, paths } = this.#context;
    if (existsSync(path)) await kernel.removeNetns(path);
    if (entries.length === 0) return await kernel.createNetns(path);
    const links = await Promise.all(entries.map(async (entry, at): Promise<EndpointLink> => ({
      name: `${paths.linkPrefix}${randomBytes(4).toString('hex')}`, bridge: await this.#bridge(entry), group: entry.record.group,
      address: addressOf(endpoint.attachments[at]?.address ?? '') ?? 0, subnet: entry.subnet, internal: entry.record.spec.internal,
    })));
    const netns = openSync('/dev/null', 'r'); // a number that the host's requests can name; the call makes it lead to the new namespace
    try {
      const [outer, inner] = [hostRequests(links, netns), innerRequests(links)];
      const answers = await kernel.connectNetns(path, netns, outer.map(({ message }) => message), inner.map(({ message }) => message));
      checkAnswers(outer, answers.outer);
      checkAnswers(inner, answers.inner);
    } catch (error) {
      // A bridge removed by hand: the index that is remembered is not true any more.
      for (const { record } of entries) this.#bridges.delete(record.name);
      throw error;
    } finally {
      closeSync(netns);
    }
  }

  async #bridge({ record }: Entry): Promise<number> {
    const index = this.#bridges.get(record.name) ?? await linkIndex(this.#context.kernel, record.link);
    if (index === null) throw new BayplanError('network-missing', `network ${record.name}: its bridge ${record.link} is not there; run up again to make it`, { retryable: true });
    this.#bridges.set(record.name, index);
    return index;
  }

  #apply(): void {
    const networks = new Map([...this.#entries].map(([name, { record }]) => [name, { link: record.link, subnet: record.subnet, internal: record.spec.internal }]));
    this.#rules.apply({ networks, ports: this.#ports.table });
  }

  async #forgetFlows(before: ReadonlyMap<string, TablePort>, after: ReadonlyMap<string, TablePort>): Promise<void> {
    const addresses = (port: TablePort | undefined): readonly string[] => (port?.backends ?? []).map((one) => one.address);
    const changed = [...new Map([...before, ...after])].filter(([key, port]) => port.protocol === 'udp' && before.get(key) !== after.get(key) && !isDeepStrictEqual(addresses(before.get(key)), addresses(after.get(key))));
    if (changed.length === 0) return;
    const local = new Set(Object.values(networkInterfaces()).flatMap((list) => list ?? []).map((one) => one.address));
    await forgetUdpFlows(this.#context.kernel, (flow) => local.has(flow.to) && changed.some(([key, port]) => port.port === flow.port
      && (port.hostIp === '' || port.hostIp === flow.to) && !addresses(after.get(key)).includes(flow.answersFrom)));
  }

  #remember(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.id, endpoint);
    for (const { network, address, names } of endpoint.attachments) {
      const entry = this.#entries.get(network);
      if (entry !== undefined) this.#zones.zone(zoneOf(entry.record)).set(endpoint.id, { names, addresses: [address], ready: endpoint.ready });
    }
  }

  #forget(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.id);
    for (const zone of this.#zonesOf(endpoint)) this.#zones.zone(zone).delete(endpoint.id);
  }

  #zonesOf(endpoint: Endpoint): readonly string[] {
    return endpoint.attachments.flatMap(({ network }) => this.#entries.get(network)?.record ?? []).map(zoneOf);
  }

  async #writeZones(endpoint: Endpoint): Promise<void> {
    await Promise.all(this.#zonesOf(endpoint).map((zone) => this.#zones.write(zone)));
  }

  #pin(id: string): void {
    const { kernel, paths } = this.#context;
    if (this.#pinned.size === 0) {
      mkdirSync(paths.netns, { recursive: true, mode: 0o711 });
      kernel.privateMount(paths.netns);
    }
    this.#pinned.add(id);
  }

  #unpin(id: string): void {
    if (this.#pinned.delete(id) && this.#pinned.size === 0) this.#context.kernel.detachMount(this.#context.paths.netns);
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new BayplanError('network-not-found', `network ${name} is not there; create it first`);
    return entry;
  }

  #netns(id: string): string {
    return join(this.#context.paths.netns, id.slice(0, 16));
  }

  #file(name: string): string {
    return join(this.#context.paths.networks, `${name}.json`);
  }
}

function zoneOf(record: NetworkRecord): string {
  return record.id.slice(0, 16);
}

function checkSame(record: NetworkRecord, stack: string, spec: NetworkSpec): void {
  const differing = record.stack !== stack ? 'stack' : Object.entries(spec).find(([field, value]) => !isDeepStrictEqual(value, Object.entries(record.spec).find(([name]) => name === field)?.[1]))?.[0];
  if (differing !== undefined) throw new BayplanError('conflict', `network ${record.name} is there with another ${differing}; remove it first, or use another name`);
}
