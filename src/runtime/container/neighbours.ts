import { statSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Images } from '../image/images.ts';
import type { InhabitedNamespace, Publication, Survivor } from '../network/networks.ts';
import type { Donors } from './bundle.ts';
import type { ContainerEntry } from './container-entry.ts';
import { endpointOf } from './endpoint.ts';
import { networkHome } from './home.ts';
import { portGroup } from './port-group.ts';
import type { ContainerRecord } from './record.ts';
import { usersHome } from './users-home.ts';

/** All containers of an engine, by name. */
type Entries = ReadonlyMap<string, ContainerEntry>;

/** A container by its name or id. */
export function findEntry(entries: Entries, ref: string): ContainerEntry | null {
  return entries.get(ref) ?? [...entries.values()].find(({ record }) => record.id === ref) ?? null;
}

/** The container in whose network namespace one lives (`networkHome`). */
export function homeAmong(entries: Entries, record: ContainerRecord): ContainerRecord {
  return networkHome(record, (ref) => findEntry(entries, ref)?.record ?? null);
}

/** The container in whose user namespace one lives (`usersHome`). */
export function usersHomeAmong(entries: Entries, record: ContainerRecord): ContainerRecord {
  return usersHome(record, (ref) => findEntry(entries, ref)?.record ?? null);
}

/** Who lives in a pinned user namespace of the engine's, by id: of those that run, and whose home. */
export function inhabitedUsers(entries: Entries): ReadonlyMap<string, string> {
  const homes = new Map<string, string>();
  for (const { phase, record } of entries.values()) {
    if (phase !== 'running' || record.users === null) continue;
    const home = foundOrNull(() => usersHomeAmong(entries, record));
    if (home !== null && !home.spec.namespaces.user.startsWith('ns:')) homes.set(record.id, home.id);
  }
  return homes;
}

function foundOrNull(find: () => ContainerRecord): ContainerRecord | null {
  try {
    return find();
  } catch (error) {
    if (error instanceof BayplanError) return null;
    throw error;
  }
}

/** Where the network namespace of a container (its id) is pinned. */
type PinOf = (id: string) => string;

/** Null for one whose home was removed, be there another by its name: what it lives in is its own affair, until it is started again. */
function residence(entries: Entries, { record, ready }: ContainerEntry, pinOf: PinOf): ContainerRecord | null {
  const home = foundOrNull(() => homeAmong(entries, record));
  if (home === null || home.id === record.id || ready === null || /^(host|ns:)/.test(home.spec.networkMode)) return home;
  return isSameFile(`/proc/${ready.pid}/ns/net`, pinOf(home.id)) ? home : null;
}

function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && a.ino === b?.ino && a.dev === b.dev;
}

/** All that live in a container's network namespace and run, itself included. */
export function inhabitantsOf(entries: Entries, home: ContainerRecord, pinOf: PinOf): readonly ContainerEntry[] {
  return [...entries.values()].filter((entry) => entry.phase === 'running' && residence(entries, entry, pinOf)?.id === home.id);
}

/** Network namespaces that running containers live in. */
export function inhabitedNamespaces(entries: Entries, images: Images, pinOf: PinOf): readonly InhabitedNamespace[] {
  const homes = new Map<string, { readonly home: ContainerRecord; readonly inhabitants: string[] }>();
  for (const entry of entries.values()) {
    const home = entry.phase === 'running' ? residence(entries, entry, pinOf) : null;
    if (home === null || /^(host|ns:)/.test(home.spec.networkMode)) continue;
    const known = homes.get(home.id);
    if (known === undefined) homes.set(home.id, { home, inhabitants: [entry.record.id] });
    else known.inhabitants.push(entry.record.id);
  }
  return [...homes.values()].map(({ home, inhabitants }) => ({ endpoint: { ...endpointOf(home, images), ...(entries.get(home.name)?.health === 'healthy' ? { ready: true } : {}) }, inhabitants }));
}

/** Who runs on in the network namespace of a container that was removed. */
export function survivorsOf(entries: Entries, pinOf: PinOf): readonly Survivor[] {
  return [...entries.values()].flatMap((entry) => {
    const { phase, ready, record: { id } } = entry;
    return phase === 'running' && ready !== null && residence(entries, entry, pinOf) === null ? [{ id, netns: `/proc/${ready.pid}/ns/net` }] : [];
  });
}

/** Ports that are to lead to the running containers. */
export function publicationsOf(entries: Entries): readonly Publication[] {
  return [...entries.values()].filter(({ phase, ports }) => phase === 'running' && ports.length > 0)
    .map(({ record: { id, identity }, ports }) => ({ container: id, ports, group: portGroup(identity, id) }));
}

/** Pids of the containers whose namespaces a container shares. Throws BayplanError `not-found` or `conflict` where one is not there, does not run, or keeps its own. */
export function donorsOf(entries: Entries, { name, spec: { namespaces } }: ContainerRecord): Donors {
  const pidOf = (kind: keyof Donors): number | null => {
    const ref = /^container:(.+)$/.exec(namespaces[kind])?.[1];
    if (ref === undefined) return null;
    const donor = findEntry(entries, ref);
    if (donor === null) throw new BayplanError('not-found', `container ${name}: container ${ref}, whose ${kind} namespace it shares, is not there; bring it up first`);
    if (donor.phase !== 'running' || donor.ready === null) throw new BayplanError('conflict', `container ${name}: container ${ref}, whose ${kind} namespace it shares, does not run; start it first`);
    if (kind === 'ipc' && donor.record.spec.namespaces.ipc === 'private') throw new BayplanError('conflict', `container ${name}: the ipc namespace of ${ref} is private (non-shareable IPC); give it ipc "shareable"`);
    return donor.ready.pid;
  };
  return { pid: pidOf('pid'), ipc: pidOf('ipc'), uts: pidOf('uts'), cgroup: pidOf('cgroup'), time: pidOf('time') };
}
