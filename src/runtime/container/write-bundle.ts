import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { ImageStatus } from '../../state/image.ts';
import type { Paths } from '../../state/paths.ts';
import type { ContainerRoot } from '../storage/storage-driver.ts';
import { bundleOf, type ContainerUsers, type Donors, type ResolvedMount } from './bundle.ts';
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
  readonly donors: Donors;
  /** Null: the host's. */
  readonly users: ContainerUsers | null;
}

/** Writes what the shim reads: `config.json`, and the files the engine keeps for the container. Whoever shares a network namespace shares its names too. */
export function writeBundle(parts: BundleParts): void {
  const { paths, record, home, files, image, root, mounts, netns, seccompBpf, gateway, consoleSize, oomScoreFloor, donors, users } = parts;
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
    mounts, seccompBpf, consoleSize, oomScoreFloor, deviceNumbers, devices, donors, users,
  });
  writeFileSync(files.config, JSON.stringify(config), { mode: 0o600 });
}
