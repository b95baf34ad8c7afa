import { existsSync } from 'node:fs';
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BayplanError } from '../../state/bayplan-error.ts';
import { parseCidr, type Cidr } from '../../state/cidr.ts';
import { DEFAULT_NETWORK, type NetworkSpec, predefinedNetworkId } from '../../state/network.ts';
import { networkOptions } from '../../state/network-options.ts';
import type { Paths } from '../../state/paths.ts';
import { readRecord, syncFolder, writeRecord } from '../record.ts';
import type { SetAsides } from '../set-aside.ts';
import type { AddressSpace } from './address-spaces.ts';
import { choosePools } from './ipam.ts';
import { NetworkEntry, newNetworkNames } from './network-entry.ts';
import { NETWORK_RECORD_VERSION, NetworkRecord } from './network-record.ts';

/** What a new network's subnets are chosen by: what the host reaches already, what other programs' rules send from, which pools there are (null: the default ones), and where in them to begin. */
export interface Surroundings { readonly routes: readonly Cidr[]; readonly foreign: readonly Cidr[]; readonly spaces: readonly AddressSpace[] | null; readonly offset: number }

/** The networks that there are, by name, each a record in `paths.networks` that is durable before it counts. */
export class NetworkRecords {
  readonly #paths: Paths;
  readonly #asides: SetAsides;
  readonly #entries = new Map<string, NetworkEntry>();

  private constructor(paths: Paths, asides: SetAsides) {
    this.#paths = paths;
    this.#asides = asides;
  }

  /** Reads what is there. */
  static async open(paths: Paths, asides: SetAsides): Promise<NetworkRecords> {
    const records = new NetworkRecords(paths, asides);
    await mkdir(paths.networks, { recursive: true, mode: 0o700 });
    for (const file of (await readdir(paths.networks)).sort()) {
      // What a crash left of a record that was never acknowledged.
      if (file.endsWith('.tmp')) await unlink(join(paths.networks, file));
      if (!file.endsWith('.json')) continue;
      const path = join(paths.networks, file);
      const entry = asides.read({ kind: 'network', name: file.slice(0, -'.json'.length), stack: null }, () => (
        new NetworkEntry(readRecord(path, NetworkRecord, NETWORK_RECORD_VERSION, 'put it back from a backup, or remove it and its bridge, and restart the engine'))));
      if (entry !== null) records.#entries.set(entry.name, entry);
    }
    return records;
  }

  /** Whether all records can be read, so that what belongs to none of them is nobody's. */
  get whole(): boolean {
    return !this.#asides.has('network');
  }

  get(name: string): NetworkEntry | null {
    return this.#entries.get(name) ?? null;
  }

  /** Null where it is not there. Throws what is wrong with a record that cannot be read. */
  readable(name: string): NetworkEntry | null {
    this.#asides.refuse('network', name);
    return this.get(name);
  }

  /** The same, but throws BayplanError `network-not-found` where it is not there. */
  find(name: string): NetworkEntry {
    const entry = this.readable(name);
    if (entry === null) throw new BayplanError('network-not-found', `network ${name} is not there; create it first`);
    return entry;
  }

  all(): readonly NetworkEntry[] {
    return [...this.#entries.values()];
  }

  /** The network of that name, where it is there and is the one that is meant. Throws BayplanError `conflict` where it is another, `network-not-found` for an external one that is not there. */
  same(name: string, stack: string, spec: NetworkSpec): NetworkEntry | null {
    const existing = this.readable(name);
    if (existing !== null) checkSame(existing.record, stack, spec);
    else if (spec.external) throw new BayplanError('network-not-found', `network ${name} is external and not there; create it first`);
    return existing;
  }

  /** Chooses a new network's names and subnets, and writes them down. */
  async add(name: string, stack: string, spec: NetworkSpec, createdAt: number, { routes, foreign, spaces, offset }: Surroundings): Promise<NetworkEntry> {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw new BayplanError('bad-request', `network name "${name}": expected letters, digits, "_", "." and "-", a letter or digit first`);
    const names = newNetworkNames(this.#paths.linkPrefix, spec, networkOptions(name, spec), stack === '' && name === DEFAULT_NETWORK ? predefinedNetworkId(this.#paths.root, name) : undefined);
    const own = new Map(this.all().map((other) => [other.name, other.subnets.map(({ subnet }) => subnet)]));
    const pools = choosePools(name, spec, { own, routes: [...routes, ...foreign] }, { offset, id: names.id, spaces });
    if (spec.driver === 'bridge') for (const { subnet } of pools) refuseReached(name, subnet, routes);
    const record: NetworkRecord = { version: NETWORK_RECORD_VERSION, name, stack, spec, ...names, pools: [...pools], createdAt };
    const entry = new NetworkEntry(record);
    await writeRecord(this.#file(name), record);
    this.#entries.set(name, entry);
    return entry;
  }

  /** Says these labels of it from now on. */
  async label(entry: NetworkEntry, labels: Readonly<Record<string, string>>): Promise<void> {
    const record = { ...entry.record, spec: { ...entry.record.spec, labels } };
    await writeRecord(this.#file(entry.name), record);
    entry.label(record);
  }

  /** Forgets a network once `clear` has taken away what there is of it in the kernel. It is not there from the call on, so that no container gets an address of it meanwhile; where `clear` fails it is there again. */
  async remove(entry: NetworkEntry, clear: () => Promise<void>): Promise<void> {
    const { name } = entry;
    this.#entries.delete(name);
    try {
      await clear();
      await unlink(this.#file(name));
      await syncFolder(this.#paths.networks);
    } catch (error) {
      this.#entries.set(name, entry);
      throw error;
    }
  }

  /** The file of a network that somebody has taken away; null: it is there. */
  missingFile(name: string): string | null {
    return existsSync(this.#file(name)) ? null : this.#file(name);
  }

  /** Writes it again where it is missing. */
  async keep({ name, record }: NetworkEntry): Promise<void> {
    if (this.missingFile(name) !== null) await writeRecord(this.#file(name), record);
  }

  #file(name: string): string {
    return join(this.#paths.networks, `${name}.json`);
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
