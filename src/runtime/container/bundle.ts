import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec } from '../../state/container.ts';
import type { ImageStatus } from '../../state/image.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { ConsoleSize } from './containers.ts';
import { resourcesOf, type DeviceNumbers } from './cgroup-resources.ts';
import { deviceRulesOf } from './device-rules.ts';
import type { OciConfig, OciMount, OciNamespace } from './oci.ts';
import { initProcess, userAnnotations } from './process.ts';
import { seccompProfile } from './seccomp.ts';

/**
 * Something to mount, its source found on the host. `propagation` '' is private; `size` in bytes and `mode` are a tmpfs's. `content`: a copy of the
 * source, in memory, with owner and mode by its options.
 */
export interface ResolvedMount {
  readonly type: 'bind' | 'tmpfs' | 'content';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation: string;
  /** Of a bind, as in its spec. */
  readonly recursive: 'enabled' | 'disabled' | 'writable' | 'readonly';
  readonly size: number | null;
  readonly mode: number | null;
  readonly options: readonly string[];
}

export interface BundleInput {
  readonly id: string;
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly image: ImageStatus;
  /** Absolute folder, an empty mount point (or the root itself where `overlay` is null). */
  readonly rootfs: string;
  /** `lowerdirs` lowest first, as names below `cwd` or absolute. */
  readonly overlay: { readonly cwd: string; readonly lowerdirs: readonly string[]; readonly upperdir: string; readonly workdir: string } | null;
  /** Path of the network namespace; null: a new one with nothing in it, or the host's where the spec says so. */
  readonly netns: string | null;
  readonly cgroupsPath: string;
  readonly hostname: string;
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string };
  readonly mounts: readonly ResolvedMount[];
  /** A compiled program to use as it is; null: the profile goes into config.json. */
  readonly seccompBpf: string | null;
  /** Of its terminal, where it has one. */
  readonly consoleSize?: ConsoleSize | null;
  readonly deviceNumbers: DeviceNumbers;
  /** Least oom_score_adj that this engine may give. */
  readonly oomScoreFloor?: number;
}

const MASKED = [
  '/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/sched_debug', '/proc/scsi',
  '/proc/timer_list', '/proc/timer_stats', '/sys/devices/virtual/powercap', '/sys/firmware',
];
const READ_ONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const SHM_SIZE = 64 * 1024 * 1024;

const SYSTEM_MOUNTS: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid', 'noexec', 'nodev'] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
];

function shmOf({ shmSize }: ContainerSpec): OciMount {
  return { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmSize ?? SHM_SIZE}`] };
}

/**
 * A container's config.json (OCI runtime specification 1.2), from its spec, its image and what was found out for it. Pure. Throws
 * BayplanError where the spec asks for what cannot be run.
 */
export function bundleOf(input: BundleInput): OciConfig {
  const { spec, image, overlay, seccompBpf } = input;
  const propagation = rootPropagation(input.mounts);
  return {
    ociVersion: '1.2.0',
    process: initProcess(spec, image, input.hostname, { size: input.consoleSize, oomScoreFloor: input.oomScoreFloor }),
    root: { path: input.rootfs, readonly: spec.readOnly },
    hostname: input.hostname,
    ...(spec.domainname === '' ? {} : { domainname: spec.domainname }),
    mounts: mountsOf(input),
    annotations: {
      ...userAnnotations(spec, image),
      'io.bayplan.id': input.id,
      'io.bayplan.name': input.name,
      ...(spec.init ? { 'io.bayplan.init': 'true' } : {}),
      ...(overlay === null ? {} : { 'io.bayplan.overlay': overlayOptions(overlay), 'io.bayplan.overlay.cwd': overlay.cwd }),
      ...(seccompBpf === null ? {} : { 'io.bayplan.seccomp.bpf': seccompBpf }),
    },
    linux: {
      namespaces: namespacesOf(input),
      cgroupsPath: input.cgroupsPath,
      resources: resourcesOf(spec.resources, deviceRulesOf(spec), input.deviceNumbers),
      ...(Object.keys(spec.sysctls).length === 0 ? {} : { sysctl: spec.sysctls }),
      ...(propagation === null ? {} : { rootfsPropagation: propagation }),
      ...(seccompBpf === null ? { seccomp: seccompProfile(capabilitiesOf(spec)) } : {}),
      maskedPaths: MASKED,
      readonlyPaths: READ_ONLY,
    },
  };
}

/** overlay's own order is topmost first. Commas and colons in names would be read as separators. */
function overlayOptions(overlay: NonNullable<BundleInput['overlay']>): string {
  const lower = overlay.lowerdirs.map((folder) => escape(folder, true)).reverse();
  if (lower.length === 0) throw new BayplanError('bad-request', 'the image has no layers: there is nothing to run');
  return `lowerdir=${lower.join(':')},upperdir=${escape(overlay.upperdir, false)},workdir=${escape(overlay.workdir, false)}`;
}

function escape(path: string, colons: boolean): string {
  return path.replace(colons ? /[\\,:]/g : /[\\,]/g, (character) => `\\${character}`);
}

function namespacesOf(input: BundleInput): readonly OciNamespace[] {
  const network: readonly OciNamespace[] =
    input.netns !== null ? [{ type: 'network', path: input.netns }] : input.spec.networkMode === 'host' ? [] : [{ type: 'network' }];
  return [{ type: 'pid' }, ...network, { type: 'ipc' }, { type: 'mount' }, { type: 'uts' }, { type: 'cgroup' }];
}

/** What is mounted over `/dev` or below replaces the system's own; the engine's files come last but never hide what was asked for. */
function mountsOf(input: BundleInput): readonly OciMount[] {
  const asked = new Set(input.mounts.map((mount) => mount.target.replace(/\/+$/, '')));
  const files: readonly (readonly [string, string])[] = [
    ['/etc/resolv.conf', input.files.resolvConf], ['/etc/hostname', input.files.hostname], ['/etc/hosts', input.files.hosts],
  ];
  return [
    ...[...SYSTEM_MOUNTS, shmOf(input.spec)].filter(({ destination }) => !asked.has(destination)),
    ...files
      .filter(([target]) => !asked.has(target))
      .map(([destination, source]) => ({ destination, type: 'bind', source, options: ['bind', 'rprivate'] })),
    ...input.mounts.map(mountOf),
  ];
}

function mountOf(mount: ResolvedMount): OciMount {
  if (!mount.target.startsWith('/')) throw new BayplanError('bad-request', `mount ${mount.target}: the target is not an absolute path`);
  if (mount.target.replace(/\/+$/, '') === '') throw new BayplanError('bad-request', `mount ${mount.target}: the target is the root itself`);
  if (mount.type === 'tmpfs') {
    return {
      destination: mount.target, type: 'tmpfs', source: 'tmpfs',
      options: [
        'nosuid', 'nodev', 'noexec', ...(mount.readOnly ? ['ro'] : []), ...mount.options,
        ...(mount.size === null ? [] : [`size=${mount.size}`]), ...(mount.mode === null ? [] : [`mode=${mount.mode.toString(8)}`]),
      ],
    };
  }
  if (mount.type === 'content') return { destination: mount.target, type: 'content', source: mount.source, options: mount.options };
  return {
    destination: mount.target, type: 'bind', source: mount.source,
    options: [mount.recursive === 'disabled' ? 'bind' : 'rbind', ...(mount.readOnly ? [mount.recursive === 'writable' ? 'ro' : 'rro'] : []), mount.propagation === '' ? 'rprivate' : mount.propagation, ...mount.options],
  };
}

/** The root's own propagation must let through what a mount asks for. Null: the runtime's default. */
function rootPropagation(mounts: readonly ResolvedMount[]): string | null {
  const asked = mounts.map((mount) => mount.propagation);
  if (asked.some((one) => one === 'shared' || one === 'rshared')) return 'shared';
  return asked.some((one) => one === 'slave' || one === 'rslave') ? 'rslave' : null;
}
