import { join } from 'node:path';
import { UserNamespaces } from '../runtime/container/user-namespaces.ts';
import { ContainerStore } from '../runtime/container/container-store.ts';
import { CdiDevices } from '../runtime/cdi/cdi-devices.ts';
import { Runtimes } from '../runtime/foreign/runtimes.ts';
import { createImages } from '../runtime/image/image-store.ts';
import type { Images, ImageUser } from '../runtime/image/images.ts';
import { LIMITS } from '../runtime/image/registry/limits.ts';
import { environmentProxies } from '../runtime/image/registry/proxies.ts';
import { RegistryClient } from '../runtime/image/registry/registry-client.ts';
import { installCore } from '../runtime/installed-core.ts';
import { Nursery } from '../runtime/nursery.ts';
import type { Kernel } from '../runtime/kernel.ts';
import { loadKernel } from '../runtime/loaded-kernel.ts';
import { readMachine, type Machine } from '../runtime/machine.ts';
import type { AddressSpace } from '../runtime/network/address-spaces.ts';
import { createNetworks } from '../runtime/network/network-store.ts';
import type { Networks } from '../runtime/network/networks.ts';
import { enterOwnCgroup } from '../runtime/own-cgroup.ts';
import { SetAsides } from '../runtime/set-aside.ts';
import { chooseDriver } from '../runtime/storage/choose-driver.ts';
import type { StorageDriver } from '../runtime/storage/storage-driver.ts';
import { createVolumes } from '../runtime/volume/volume-store.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import { DEFAULT_ROOT, pathsOf, type Paths } from '../state/paths.ts';
import { ContentStore } from './content-store.ts';
import { readEngineConfig } from './engine-config.ts';
import type { EngineOptions } from './engine-options.ts';
import { Opened } from './opened.ts';
import { ensureRootRecord } from './root-record.ts';
import { openRunFolder } from './run-folder.ts';
import { StackStore } from './stack-store.ts';
import { usersChoice } from './users-remap.ts';
import { Supervisor } from './supervisor.ts';

/** What an engine is made of. */
export interface EngineParts {
  readonly paths: Paths;
  readonly images: Images;
  readonly containers: ContainerStore;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly stacks: StackStore;
  readonly contents: ContentStore;
  readonly supervisor: Supervisor;
  readonly storage: StorageDriver;
  readonly runtimes: Runtimes;
  readonly cdi: CdiDevices;
  /** Whether every container has users of its own that does not say otherwise. */
  readonly remapsUsers: boolean;
  /** What subnets are chosen from, where somebody has set it. */
  readonly addressSpaces: readonly AddressSpace[];
  readonly machine: Machine;
  readonly asides: SetAsides;
  readonly kernel: Kernel;
  /** The native program. */
  readonly core: string;
  /** Receives what went wrong where nobody waits for an answer. */
  readonly report: (line: string) => void;
  /** It is the first engine of this root since the machine has booted, or since there was nothing left to run. */
  readonly booted: boolean;
  /** Lets everything go; containers run on. `leave`: the run folder goes too, where there is no container that needs it, `ended`: none runs. */
  close(how: 'stay' | 'leave' | 'ended'): void;
}

/**
 * Takes the root's lock, reads its state and adopts what runs. What was opened before something that cannot be is closed again: then nothing acts on the
 * containers, and the next engine can have the root. Throws BayplanError `engine-running` where another engine has it.
 */
export async function openParts(options: EngineOptions): Promise<EngineParts> {
  const rootPaths = pathsOf(options.root ?? DEFAULT_ROOT);
  const report = options.report ?? (() => undefined);
  const now = (): number => Date.now();
  const machine = readMachine();
  const kernel = loadKernel(join(options.build, 'libbayplan.so'));
  const runFolder = await openRunFolder(rootPaths, kernel, report);
  const opened = new Opened();
  opened.add(kernel, (each) => each.forgetNft());
  opened.add(kernel, (each) => each.forgetSpareNetns());
  const close: EngineParts['close'] = (how) => {
    try {
      opened.close();
    } finally {
      if (how !== 'stay') runFolder.leave(how === 'ended');
      else runFolder.release(); // its folder stays: whoever started the engine reads its log there
    }
  };
  try {
    if (options.ownCgroup === true) enterOwnCgroup(rootPaths.cgroup).forEach(report);
    const asides = new SetAsides(report);
    await ensureRootRecord(rootPaths, now(), asides);
    const config = readEngineConfig(rootPaths.config);
    const users = usersChoice(config['userns-remap']);
    const core = installCore(kernel, rootPaths, join(options.build, 'bayplan-core'));
    const { driver: storage, paths } = await chooseDriver(rootPaths, core, config['storage-driver'] ?? null, report, asides);
    const runtimes = new Runtimes(paths, config.runtimes, config['default-runtime']);
    const cdi = new CdiDevices(config['cdi-spec-dirs']);
    const stacks = new StackStore(paths.stacks, asides, report);
    let containers: ContainerStore | null = null;
    let isStored: (id: string) => boolean = () => true;
    const [contents, images, volumes, networks] = await allOf([
      ContentStore.open(paths.contents, asides), createImages({ asides, paths, core, storage, now, report, registries: new RegistryClient(config.registries, LIMITS, config.proxies ?? environmentProxies(process.env)), users: () => (containers === null ? null : [...containers.imageUsers(), ...keptImages(stacks, isStored)]) }),
      createVolumes({ asides, paths, now, core, users: (volume) => containers?.volumeUsers(volume) ?? [] }), createNetworks({ asides, paths, kernel, core, now, spaces: config['default-address-pools'] }),
    ]);
    isStored = (id) => images.find(id) !== null;
    kernel.spreadTree(paths.layers);
    opened.add(networks, (each) => each.close());
    const nursery = opened.add(new Nursery(kernel, core), (each) => each.close());
    containers = opened.add(await ContainerStore.open({
      paths, kernel, nursery, images, networks, volumes, storage, runtimes, cdi, core, machine, asides, now, report, users, userNamespaces: new UserNamespaces(kernel, core, paths.userns),
      logMax: options.logMax ?? 10 * 1024 * 1024, logFiles: options.logFiles ?? 3,
    }), (each) => each.close());
    await volumes.unmountUnused().catch((error: unknown) => report(error instanceof Error ? error.message : String(error)));
    const lost = new Set(await networks.restore(containers.namespaces(), containers.publications(), containers.asideIds(), containers.survivors()));
    for (const [name, { status }] of containers.list()) {
      if (status === null || !lost.has(status.id)) continue;
      containers.note(name, { ports: [] });
      report(`${name}: its ports could not be given back to it: run up again`);
    }
    await containers.finishConnections();
    const supervisor = opened.add(new Supervisor({ containers, networks, images, now, report }), (each) => each.close());
    return { paths, images, containers, networks, volumes, stacks, contents, supervisor, storage, runtimes, cdi, remapsUsers: users.always, addressSpaces: config['default-address-pools'] ?? [], machine, asides, kernel, core, report, booted: runFolder.booted, close };
  } catch (error) {
    close('stay');
    throw error;
  }
}

/** Images that a way back to a former revision needs. One that was taken away by force is not asked for any more. */
function keptImages(stacks: StackStore, isThere: (id: string) => boolean): readonly ImageUser[] {
  return stacks.allFormer().flatMap(({ name, revision, images }) => [...new Set(Object.values(images))].filter(isThere).map((imageId) => ({ container: '', imageId, running: false, keptFor: `revision ${revision} of stack ${name}` })));
}

/** None is left to go on alone when another one fails. */
async function allOf<T extends readonly Promise<unknown>[]>(all: readonly [...T]): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(all);
  return await Promise.all(all);
}
