import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { ImageStatus } from '../../state/image.ts';
import type { Paths } from '../../state/paths.ts';
import { bundleOf, type ResolvedMount } from './bundle.ts';
import type { ConsoleSize } from './containers.ts';
import type { ContainerFiles } from './bundle-files.ts';
import { ensureMountpoints } from './mountpoints.ts';
import { attachmentsOf, hostnameOf } from './endpoint.ts';
import type { ContainerRecord } from './record.ts';
import { resolvConfOf } from './resolv-conf.ts';

export interface BundleParts {
  readonly paths: Paths;
  readonly record: ContainerRecord;
  readonly files: ContainerFiles;
  readonly image: ImageStatus;
  /** Names relative to `paths.layers`, lowest first. */
  readonly layers: readonly string[];
  readonly mounts: readonly ResolvedMount[];
  readonly netns: string | null;
  /** File with the compiled seccomp program; null: none. */
  readonly seccompBpf: string | null;
  /** What `host-gateway` stands for in `extra_hosts`. */
  readonly gateway: string;
  readonly consoleSize: ConsoleSize | null;
}

/** `/etc/hosts` as Docker makes it: loopback names, `extra_hosts`, then the container's own name at its own address. */
export function hostsFile(record: ContainerRecord, hostname: string, gateway: string): string {
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::\tip6-localnet', 'ff02::1\tip6-allnodes', 'ff02::2\tip6-allrouters'];
  for (const extra of record.spec.extraHosts) {
    const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(extra) ?? [];
    if (name !== undefined && address !== undefined) lines.push(`${address === 'host-gateway' ? gateway : address}\t${name}`);
  }
  const full = record.spec.domainname === '' ? hostname : `${hostname}.${record.spec.domainname} ${hostname}`;
  for (const { ipv4, ipv6 } of attachmentsOf(record)) for (const address of [ipv4, ipv6]) if (address !== '') lines.push(`${address}\t${full}`);
  return `${lines.join('\n')}\n`;
}

/** Read at each start, since it changes with the host's networks; a host without one has no nameservers. */
function hostResolvConf(): string {
  return existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : '';
}

/** Writes what the shim reads: `config.json`, and the files the engine keeps for the container. */
export function writeBundle(parts: BundleParts): void {
  const { paths, record, files, image, layers, mounts, netns, seccompBpf, gateway, consoleSize } = parts;
  const hostname = hostnameOf(record);
  writeFileSync(files.hosts, hostsFile(record, hostname, gateway));
  writeFileSync(files.hostname, `${hostname}\n`);
  writeFileSync(files.resolvConf, resolvConfOf(record.spec, hostResolvConf()));
  // One empty folder serves all: each container mounts its root on it in a mount namespace of its own.
  const rootfs = join(paths.run, 'rootfs');
  mkdirSync(rootfs, { recursive: true });
  const config = bundleOf({
    id: record.id, name: record.name, spec: record.spec, image, rootfs,
    overlay: { cwd: paths.layers, lowerdirs: [relative(paths.layers, ensureMountpoints(paths)), ...layers], upperdir: files.upper, workdir: files.work },
    netns, cgroupsPath: files.cgroup, hostname,
    files: { hosts: files.hosts, hostname: files.hostname, resolvConf: files.resolvConf },
    mounts, seccompBpf, consoleSize,
  });
  writeFileSync(files.config, JSON.stringify(config), { mode: 0o600 });
}
