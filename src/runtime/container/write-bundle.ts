import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { ImageStatus } from '../../state/image.ts';
import type { Paths } from '../../state/paths.ts';
import type { ContainerRoot } from '../storage/storage-driver.ts';
import type { CdiEdits } from '../cdi/cdi-spec.ts';
import { hostNode } from '../cdi/host-node.ts';
import { withCdi } from '../cdi/with-cdi.ts';
import { foreignBundle } from '../foreign/foreign-bundle.ts';
import { identityIn, stageMounts } from '../foreign/prepare.ts';
import type { ForeignRuntime } from '../foreign/runtimes.ts';
import { bundleOf, type ContainerUsers, type Donors, type ResolvedMount } from './bundle.ts';
import type { ContainerContext } from './container-context.ts';
import type { OciConfig } from './oci.ts';
import type { ConsoleSize } from './containers.ts';
import { filesOf, type ContainerFiles } from './bundle-files.ts';
import { deviceNumbers } from './device-numbers.ts';
import { allDevices, devicesOf } from './devices.ts';
import { hostnameOf } from './endpoint.ts';
import { writeNetworkFiles } from './network-files.ts';
import type { ContainerRecord } from './record.ts';

export interface BundleParts {
  readonly paths: Paths;
  readonly record: ContainerRecord;
  /** The container in whose network namespace it lives: itself, or another one. */
  readonly home: ContainerRecord;
  readonly files: ContainerFiles;
  readonly image: ImageStatus;
  readonly root: ContainerRoot;
  readonly mounts: readonly ResolvedMount[];
  readonly netns: string | null;
  /** File with the compiled seccomp program; null: none. */
  readonly seccompBpf: string | null;
  /** What `host-gateway` stands for in `extra_hosts`. */
  readonly gateway: string;
  readonly consoleSize: ConsoleSize | null;
  /** Least oom_score_adj that this engine may give. */
  readonly oomScoreFloor: number;
  readonly apparmor: string;
  readonly donors: Donors;
  /** Null: the host's. */
  readonly users: ContainerUsers | null;
  /** What its CDI devices bring. */
  readonly cdi: readonly CdiEdits[];
}

/**
 * Writes the bundle that the shim starts a container from, and mounts on the host what its runtime or its storage driver wants there. Answers the folders that something is mounted on by then.
 */
export async function layBundle({ storage, core }: ContainerContext, foreign: ForeignRuntime | null, layers: readonly string[], parts: Omit<BundleParts, 'root'>): Promise<readonly string[]> {
  const { files } = parts;
  const mounted = storage.mountRoot !== null && (foreign !== null || storage.mountsOnHost);
  if (mounted) await storage.mountRoot(files, layers, parts.users);
  const root = mounted && !storage.mountsOnHost ? { path: files.root, overlay: null, mapped: false } : storage.root(files, layers);
  const write = (config: OciConfig): void => writeFileSync(files.config, JSON.stringify(config), { mode: 0o600 });
  if (foreign === null) {
    write(configOf({ ...parts, root }));
    return mounted ? [files.root] : [];
  }
  const config = configOf({ ...parts, root, seccompBpf: null });
  const staged = await stageMounts(core, files, config.mounts);
  write(foreignBundle(config, { identity: await identityIn(core, root.path, config.annotations), staged, core }));
  mkdirSync(foreign.root, { recursive: true, mode: 0o700 });
  return [...(mounted ? [files.root] : []), ...(staged.size === 0 ? [] : [files.staged])];
}

/** Writes the files that the engine keeps for a container, and answers its `config.json`. Whoever shares a network namespace shares its names too. */
function configOf(parts: BundleParts): OciConfig {
  const { paths, record, home, files, image, root, mounts, netns, seccompBpf, gateway, consoleSize, oomScoreFloor, apparmor, donors, users, cdi } = parts;
  const shared = filesOf(paths, home.id);
  if (home.id === record.id) writeNetworkFiles(record, files, gateway);
  else if (!existsSync(shared.resolvConf)) {
    mkdirSync(shared.bundle, { recursive: true, mode: 0o700 });
    writeNetworkFiles(home, shared, gateway);
  }
  const devices = record.spec.privileged ? [...allDevices(), ...devicesOf(record.spec.devices)] : devicesOf(record.spec.devices);
  const config = bundleOf({
    id: record.id, name: record.name, stack: record.identity.stack, mountedImages: Object.values(record.mountedImages),
    spec: { ...record.spec, networkMode: home.spec.networkMode }, image, root, netns, cgroupsPath: files.cgroup, hostname: hostnameOf(home),
    files: { hosts: shared.hosts, hostname: shared.hostname, resolvConf: shared.resolvConf },
    mounts, seccompBpf, consoleSize, oomScoreFloor, apparmor, deviceNumbers, devices, donors, users,
  });
  return withCdi(config, cdi, hostNode);
}
