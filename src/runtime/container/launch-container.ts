import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import { retentionOf, type LogRetention } from '../../state/logging.ts';
import { volumesUsedBy } from '../../state/volume-users.ts';
import type { CdiEdits } from '../cdi/cdi-spec.ts';
import { oomScoreFloor } from '../machine.ts';
import type { Networks } from '../network/networks.ts';
import { settled } from '../settled.ts';
import type { DefaultProfile } from './apparmor.ts';
import type { ContainerUsers } from './bundle.ts';
import type { ContainerFiles } from './bundle-files.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { checkStorage } from './container-files.ts';
import { attachmentsOf, endpointOf } from './endpoint.ts';
import { leaveHost } from './leave-host.ts';
import { LentNamespaces } from './lent-namespaces.ts';
import { mountedLayers } from './make-container.ts';
import { renewAddresses } from './renew-addresses.ts';
import { donorsOf, homeAmong } from './neighbours.ts';
import type { ContainerRecord } from './record.ts';
import { resolveMounts } from './resolve-mounts.ts';
import type { SeccompPrograms } from './seccomp-programs.ts';
import { spawnShim, type ShimOptions, type StartedShim } from './spawn-shim.ts';
import { startUsers } from './start-users.ts';
import { syslogOptions } from './syslog-options.ts';
import { layBundle } from './write-bundle.ts';

/** What a start needs beside the container: the others, for what it shares with them, and how its record is changed. */
export interface Launch {
  readonly context: ContainerContext;
  readonly entries: ReadonlyMap<string, ContainerEntry>;
  readonly programs: SeccompPrograms;
  readonly apparmor: DefaultProfile;
  readonly update: (change: Partial<ContainerRecord>) => void;
}

/** Gives a container all that it needs to run (layers, volumes, users, network namespace, bundle), and a shim that starts it. What a failure leaves is the caller's to give back. */
export async function launch({ context, entries, programs, apparmor, update }: Launch, entry: ContainerEntry): Promise<StartedShim> {
  const { images, networks, volumes, paths, machine, storage, runtimes, logMax, logFiles } = context;
  const { files } = entry;
  const renewed = entry.record.spec.networkMode === 'bridge' ? renewAddresses(networks, entry.record) : null;
  if (renewed !== null) update(renewed);
  const { record } = entry;
  const { name, spec } = record;
  const image = images.find(spec.imageId);
  if (image === null) throw new BayplanError('image-not-found', `container ${name}: image ${spec.image} (${spec.imageId}) has left the store`);
  checkStorage(storage, record);
  const foreign = runtimes.find(record.runtime);
  const fresh = mkdirSync(files.bundle, { recursive: true, mode: 0o700 }) !== undefined;
  if (!fresh) for (const stale of [files.pid, files.socket, files.ports, files.spareExit, files.borrowed, files.health]) rmSync(stale, { force: true });
  const cdi = await edits(context, record);
  await leaveHost(context, files); // of a shim that was killed
  const layers = await images.layers(image.id);
  const mounts = resolveMounts(name, spec, record.anonymousVolumes, (volume) => volumes.mountpoint(volume), paths.contents, await mountedLayers(context, record.mountedImages));
  await volumes.attach(volumesUsedBy(spec, record.anonymousVolumes), record.id);
  const home = homeAmong(entries, record);
  const users = await startUsers(context, entries, entry, update);
  if (users !== null && foreign !== null) throw new BayplanError('bad-request', `container ${name}: runtime ${record.runtime} cannot give it users of its own: give it userns_mode "host"`);
  const lent = new LentNamespaces();
  const lend = (path: string): string => (foreign === null ? lent.lend(path) : path);
  let mounted: readonly string[] = [];
  const lay = async (): Promise<void> => {
    const profile = await apparmor.get(spec);
    const confining = apparmor.confining(spec, profile);
    if (confining !== entry.record.apparmor) update({ apparmor: confining });
    const netns = namespaceOf(networks, home);
    mounted = await layBundle(context, foreign, layers, {
      paths, record: entry.record, home: home === record ? entry.record : home, files, image, mounts, netns: netns === null ? null : lend(netns), seccompBpf: await programs.get(spec), apparmor: profile,
      gateway: hostGateway(context, home), consoleSize: entry.consoleSize, oomScoreFloor: oomScoreFloor(machine), donors: donorsOf(entries, record),
      users: users === null ? null : { ...users, path: lend(users.path) }, cdi,
    });
  };
  try {
    await settled([connect(context, record, home, users), lay()]); // the one is the kernel's work, on a thread, the other this one's
    lent.open();
    const attached = Object.keys(home.spec.networks);
    return await spawnShim(context, name, spec.image, files, {
      ...logOf(files, retentionOf(spec.logging, { max: logMax, files: logFiles })), syslog: await syslogOptions(record), zones: networks.zoneFiles(attached), nameservers: home.spec.dns.servers, links: home.spec.links,
      mounted, foreign, namespaces: lent.fds,
      internal: attached.length > 0 && attached.every((network) => networks.spec(network)?.internal === true),
      stdin: spec.stdinOpen ? (spec.stdinOnce ? 'once' : 'open') : 'none', attachments: [...entry.attachments],
    });
  } finally {
    lent.close();
  }
}

/** What the container's CDI devices bring. Throws BayplanError `bad-request`, naming the container, where one is not there. */
async function edits({ cdi }: ContainerContext, { name, spec: { deviceRequests } }: ContainerRecord): Promise<readonly CdiEdits[]> {
  try {
    return await cdi.edits(deviceRequests);
  } catch (error) {
    throw error instanceof BayplanError ? new BayplanError(error.code, `container ${name}: ${error.message}`, { cause: error }) : error;
  }
}

/** Where `host-gateway` leads: the gateway of the network that gives the default route. */
export function hostGateway({ networks }: ContainerContext, record: ContainerRecord): string {
  const first = attachmentsOf(record)[0];
  return (first === undefined ? null : networks.gateway(first.network)) ?? '127.0.0.1';
}

/** Path of the network namespace that those who live with `home` have; null: the host's. */
function namespaceOf(networks: Pick<Networks, 'pin'>, home: ContainerRecord): string | null {
  const { networkMode } = home.spec;
  if (networkMode === 'host') return null;
  return networkMode.startsWith('ns:') ? networkMode.slice('ns:'.length) : networks.pin(home.id);
}

/** Makes that namespace, with links and names, where it is not there. */
async function connect({ networks, images, userNamespaces }: ContainerContext, record: ContainerRecord, home: ContainerRecord, users: ContainerUsers | null): Promise<void> {
  if (home.spec.networkMode === 'host' || home.spec.networkMode.startsWith('ns:')) return;
  const pin = users === null ? null : userNamespaces.networksOf(users.path);
  await (home === record ? networks.connect(endpointOf(record, images), pin) : networks.join(endpointOf(home, images), record.id, pin));
}

/** Where the shim writes. Without a log there is an empty one, which says that a start was begun. */
function logOf(files: ContainerFiles, kept: LogRetention | null): Pick<ShimOptions, 'log' | 'logMax' | 'logFiles'> {
  if (kept !== null) return { log: files.log, logMax: kept.max, logFiles: kept.files };
  writeFileSync(files.log, '', { mode: 0o600 });
  return { log: '/dev/null', logMax: 0, logFiles: 1 };
}
