import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Attachment } from '../../state/container.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { mark } from './container-notes.ts';
import { endpointOf, hostnameOf } from './endpoint.ts';
import { hostsLines, writeNetworkFiles } from './network-files.ts';
import type { ContainerRecord } from './record.ts';

/** What changing a container's networks needs of the store. */
export interface Membership {
  readonly context: ContainerContext;
  /** All that live in the container's namespace and run, itself included. */
  readonly inhabitants: readonly ContainerEntry[];
  /** Keeps a changed record. */
  readonly update: (change: Partial<ContainerRecord>) => void;
  readonly gateway: string;
}

/** `made`: as if the container had been made with it; else it is a person's affair. */
export interface Connection { readonly network: string; readonly attachment: Attachment; readonly made: boolean }

/**
 * Puts a container on one more network, or changes how it is on it: at once where it runs, else from its next start on. It is in the record before it is in the kernel:
 * an engine that is killed in between finishes it (`finishChange`). Throws BayplanError `conflict`, `bad-request`, `network-not-found` …, and then nothing has changed.
 */
export async function connectNetwork(entry: ContainerEntry, { network, attachment, made }: Connection, membership: Membership): Promise<void> {
  const { context: { networks, images }, update } = membership;
  const { record } = entry;
  refuseForeign(record);
  const there = Object.hasOwn(record.spec.networks, network);
  const { ipv4, ipv6 } = networks.allocate(network, record.id, { ipv4: attachment.ipv4Address, ipv6: attachment.ipv6Address });
  begin(entry, membership);
  try {
    update({
      spec: { ...record.spec, networks: { ...record.spec.networks, [network]: attachment } }, joined: made ? record.joined.filter((other) => other !== network) : there ? record.joined : [...record.joined, network],
      addresses: { ...record.addresses, [network]: ipv4 }, ipv6Addresses: ipv6 === '' ? without(record.ipv6Addresses, network) : { ...record.ipv6Addresses, [network]: ipv6 },
    });
    await networks.reattach(endpointOf(entry.record, images));
    await told(entry, record, membership);
  } catch (error) {
    const { spec, joined, addresses, ipv6Addresses } = record;
    update({ spec, joined, addresses, ipv6Addresses });
    if (!there) await networks.detach(endpointOf(record, images), network);
    throw error;
  } finally {
    rmSync(entry.files.changing, { force: true });
  }
}

/**
 * Takes a container off a network, likewise. It is in the kernel before it is in the record; where it fails half way it is put back in the kernel as the record has it, and where
 * that fails too the next start of the engine does it.
 */
export async function disconnectNetwork(entry: ContainerEntry, network: string, membership: Membership): Promise<void> {
  const { context: { networks, images }, update } = membership;
  const { record } = entry;
  if (!Object.hasOwn(record.spec.networks, network)) throw new BayplanError('not-connected', `container ${record.name} is not connected to network ${network}`);
  const after: ContainerRecord = {
    ...record, spec: { ...record.spec, networks: without(record.spec.networks, network) }, joined: record.joined.filter((other) => other !== network),
    addresses: without(record.addresses, network), ipv6Addresses: without(record.ipv6Addresses, network),
  };
  begin(entry, membership);
  try {
    await networks.detach(endpointOf(after, images), network);
    update(after);
    await told(entry, record, membership);
  } catch (error) {
    await networks.reattach(endpointOf(entry.record, images), true);
    rmSync(entry.files.changing, { force: true });
    throw error;
  }
  rmSync(entry.files.changing, { force: true });
}

/** After a start of the engine: an earlier one may have been killed while it changed the networks of this container. */
export async function finishChange(entry: ContainerEntry, membership: Membership): Promise<void> {
  if (!existsSync(entry.files.changing)) return;
  await membership.context.networks.reattach(endpointOf(entry.record, membership.context.images), true);
  await told(entry, entry.record, membership);
  rmSync(entry.files.changing, { force: true });
}

/** The names of one that was renamed, where it runs. */
export async function renamed(entry: ContainerEntry, { context: { networks, images } }: Membership): Promise<void> {
  await networks.reattach(endpointOf(entry.record, images));
}

function begin(entry: ContainerEntry, { inhabitants }: Membership): void {
  if (inhabitants.length > 0) mark(entry.files.changing);
}

/** Tells those who live there: by their files and by their responders. */
async function told(entry: ContainerEntry, before: ContainerRecord, { context: { networks }, inhabitants, gateway }: Membership): Promise<void> {
  const { record, files } = entry;
  if (inhabitants.length === 0) return;
  const attached = Object.keys(record.spec.networks);
  if (Object.keys(before.spec.networks).length === 0 || !existsSync(files.hosts)) writeNetworkFiles(record, files, gateway);
  else changeHosts(files.hosts, hostsLines(before, hostnameOf(before)), hostsLines(record, hostnameOf(record)));
  const lines = ['version 1', ...networks.zoneFiles(attached).map((zone) => `zone ${zone}`), ...record.spec.dns.servers.map((server) => `server ${server}`)];
  if (attached.every((network) => networks.spec(network)?.internal === true)) lines.push('internal');
  for (const { files: { dns }, shim } of inhabitants) {
    writeFileSync(dns, `${lines.join('\n')}\n`, { mode: 0o600 });
    await shim?.renewNames();
  }
}

/** In place, for the file is mounted in the containers; what they have written themselves stays. */
function changeHosts(path: string, before: readonly string[], after: readonly string[]): void {
  const kept = readFileSync(path, 'utf8').split('\n').filter((line) => line !== '' && (!before.includes(line) || after.includes(line)));
  writeFileSync(path, `${[...kept, ...after.filter((line) => !kept.includes(line))].join('\n')}\n`);
}

function refuseForeign({ name, spec: { networkMode } }: ContainerRecord): void {
  if (networkMode === 'none') throw new BayplanError('not-connectable', `container ${name} has network mode none: a container cannot be connected to multiple networks with one of the networks in private (none) mode`);
  if (networkMode !== 'bridge') throw new BayplanError('not-connectable', `container ${name} has network mode ${networkMode}: a container sharing network namespace with another container or host cannot be connected to any other network`);
}

function without<V>(record: Readonly<Record<string, V>>, key: string): Record<string, V> {
  return Object.fromEntries(Object.entries(record).filter(([other]) => other !== key));
}
