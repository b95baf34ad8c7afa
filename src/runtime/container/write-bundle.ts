import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageStatus } from '../../state/image.ts';
import type { Paths } from '../../state/paths.ts';
import { bundleOf, type ResolvedMount } from './bundle.ts';
import type { ContainerFiles } from './bundle-files.ts';
import { compileSeccomp } from './core-process.ts';
import { endpointOf, hostnameOf } from './endpoint.ts';
import type { ContainerRecord } from './record.ts';
import { seccompProfile } from './seccomp.ts';

export interface BundleParts {
  readonly paths: Paths;
  readonly core: string;
  readonly record: ContainerRecord;
  readonly files: ContainerFiles;
  readonly image: ImageStatus;
  /** Names relative to `paths.layers`, lowest first. */
  readonly layers: readonly string[];
  readonly mounts: readonly ResolvedMount[];
  readonly netns: string | null;
}

/** Writes what the shim reads: `config.json`, and the files the engine keeps for the container. */
export async function writeBundle(parts: BundleParts): Promise<void> {
  const { paths, core, record, files, image, layers, mounts, netns } = parts;
  const hostname = hostnameOf(record);
  writeFileSync(files.hosts, hostsFile(record, hostname));
  writeFileSync(files.hostname, `${hostname}\n`);
  writeFileSync(files.resolvConf, resolvConf(record));
  // One empty folder serves all: each container mounts its root on it in a mount namespace of its own.
  const rootfs = join(paths.run, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  const config = bundleOf({
    id: record.id, name: record.name, spec: record.spec, image, rootfs,
    overlay: { cwd: paths.layers, lowerdirs: layers, upperdir: files.upper, workdir: files.work },
    netns, cgroupsPath: files.cgroup, hostname,
    files: { hosts: files.hosts, hostname: files.hostname, resolvConf: files.resolvConf },
    mounts, seccompBpf: await compiledProfile(paths, core, record),
  });
  writeFileSync(files.config, JSON.stringify(config), { mode: 0o600 });
}
