import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec } from '../../state/container.ts';
import type { ImageStatus } from '../../state/image.ts';
import { MASKED_PATHS, READ_ONLY_PATHS } from '../../state/system-paths.ts';
import { overlayOptions } from '../storage/overlay-options.ts';
import type { ContainerRoot } from '../storage/storage-driver.ts';
import { capabilitiesOf } from './capabilities.ts';
import type { ConsoleSize } from './containers.ts';
import { resourcesOf, type DeviceNumbers } from './cgroup-resources.ts';
import { deviceRulesOf } from './device-rules.ts';
import type { ContainerDevice } from './devices.ts';
import type { OciConfig, OciMount, OciNamespace } from './oci.ts';
import { initProcess, userAnnotations } from './process.ts';
import { seccompProfile } from './seccomp.ts';
import { ociMappings, type Users } from './users.ts';

/**
 * Something to mount, its source found on the host. `propagation` '' is private; `size` in bytes and `mode` are a tmpfs's. `content`: a copy of the
 * source, in memory, with owner and mode by its options. `image`: its layers' folders, topmost first, joined by colons.
 */
export interface ResolvedMount {
  readonly type: 'bind' | 'tmpfs' | 'content' | 'image';
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
  readonly stack: string;
  /** Config digests. */
  readonly mountedImages: readonly string[];
  readonly spec: ContainerSpec;
  readonly image: ImageStatus;
  readonly root: ContainerRoot;
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
  readonly devices?: readonly ContainerDevice[];
  /** Processes whose namespaces it shares; null: none. */
  readonly donors?: Donors;
  /** Null: the host's. */
  readonly users?: ContainerUsers | null;
  /** Least oom_score_adj that this engine may give. */
  readonly oomScoreFloor?: number;
  /** AppArmor profile of containers that name none; empty, or left out: none. */
  readonly apparmor?: string;
}

/** First processes of other containers, by pid; null: the namespace is its own, the host's or pinned by a file. */
export interface Donors { readonly pid: number | null; readonly ipc: number | null; readonly uts: number | null; readonly cgroup: number | null; readonly time: number | null }

/** Users that are not the host's, and the path of their namespace. */
export interface ContainerUsers extends Users { readonly path: string }

const SHM_SIZE = 64 * 1024 * 1024;

const SYSTEM_MOUNTS: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid', 'noexec', 'nodev'] },
];

/** /dev/shm and the message queues belong to the ipc namespace. */
function ipcMounts({ spec: { namespaces: { ipc }, shmSize }, donors }: BundleInput): readonly OciMount[] {
  const shared = (destination: string, ...options: readonly string[]): OciMount => ({ destination, type: 'bind', source: destination, options: ['bind', 'rprivate', 'nosuid', 'noexec', 'nodev', ...options] });
  const queues: OciMount = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] };
  if (ipc === 'none') return [queues];
  if (ipc === 'host') return [queues, shared('/dev/shm')];
  if (donors !== undefined && donors.ipc !== null) return [queues, shared('/dev/shm', `of=${donors.ipc}`)];
  return [queues, { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmSize ?? SHM_SIZE}`] }];
}

/** Of a namespace that a file pins. */
const PINNED = 'ns:';

/** A privileged container may write to what the others only see. */
function systemMounts(input: BundleInput): readonly OciMount[] {
  const writable = ({ options, ...mount }: OciMount): OciMount => ({ ...mount, options: options.filter((option) => option !== 'ro') });
  return [...(input.spec.privileged ? SYSTEM_MOUNTS.map(writable) : SYSTEM_MOUNTS), ...ipcMounts(input)];
}

/**
 * A container's config.json (OCI runtime specification 1.2), from its spec, its image and what was found out for it. Pure. Throws
 * BayplanError where the spec asks for what cannot be run.
 */
export function bundleOf(input: BundleInput): OciConfig {
  const { spec, image, root, seccompBpf, devices = [], users = null } = input;
  const open = spec.privileged || !spec.security.maskPaths;
  const filtered = spec.security.seccomp !== 'unconfined' && !(spec.privileged && spec.security.seccomp === '');
  const propagation = rootPropagation(input.mounts);
  return {
    ociVersion: '1.2.0',
    process: initProcess(spec, image, input.hostname, { size: input.consoleSize, oomScoreFloor: input.oomScoreFloor, apparmor: input.apparmor }),
    root: { path: root.path, readonly: spec.readOnly },
    ...(spec.namespaces.uts === '' ? { hostname: input.hostname } : {}), // nobody else's name is changed
    ...(spec.domainname !== '' && spec.namespaces.uts === '' ? { domainname: spec.domainname } : {}),
    mounts: mountsOf(input),
    annotations: {
      ...spec.annotations,
      ...userAnnotations(spec, image),
      'io.bayplan.id': input.id,
      'io.bayplan.name': input.name,
      'io.bayplan.stack': input.stack,
      'io.bayplan.images': [spec.imageId, ...input.mountedImages].join(' '),
      ...(spec.init ? { 'io.bayplan.init': 'true' } : {}),
      ...overlayAnnotations(root, users),
      ...(seccompBpf === null ? {} : { 'io.bayplan.seccomp.bpf': seccompBpf }),
    },
    linux: {
      namespaces: namespacesOf(input),
      ...(users === null ? {} : mappingsOf(users)),
      ...(Object.values(spec.clockOffsets).every((offset) => offset === 0) ? {} : { timeOffsets: { monotonic: timeOf(spec.clockOffsets.monotonicMs), boottime: timeOf(spec.clockOffsets.boottimeMs) } }),
      cgroupsPath: input.cgroupsPath,
      resources: resourcesOf(spec.resources, deviceRulesOf(spec, devices), input.deviceNumbers),
      ...(devices.length === 0 ? {} : { devices: devices.map(({ node }) => node) }),
      ...(Object.keys(spec.sysctls).length === 0 ? {} : { sysctl: spec.sysctls }),
      ...(propagation === null ? {} : { rootfsPropagation: propagation }),
      ...(seccompBpf === null && filtered ? { seccomp: seccompProfile(capabilitiesOf(spec)) } : {}),
      maskedPaths: open ? [] : MASKED_PATHS,
      readonlyPaths: open ? [] : READ_ONLY_PATHS,
    },
  };
}

/** How the core is told to mount a root; none where it lies there already. With users of its own a container sees an image's files through their mappings. */
export function overlayAnnotations({ overlay, mapped }: ContainerRoot, users: Users | null): Readonly<Record<string, string>> {
  return {
    ...(overlay === null ? {} : { 'io.bayplan.overlay': overlayOptions(overlay), 'io.bayplan.overlay.cwd': overlay.cwd }),
    ...(users === null || mapped ? {} : { 'io.bayplan.overlay.idmap': 'true' }),
  };
}

/** As `linux` has them. */
export function mappingsOf({ uids, gids }: Users): Pick<OciConfig['linux'], 'uidMappings' | 'gidMappings'> {
  return { uidMappings: ociMappings(uids), gidMappings: ociMappings(gids) };
}

function timeOf(ms: number): { readonly secs: number; readonly nanosecs: number } {
  const secs = Math.floor(ms / 1000);
  return { secs, nanosecs: (ms - secs * 1000) * 1_000_000 };
}

function namespacesOf(input: BundleInput): readonly OciNamespace[] {
  const network: readonly OciNamespace[] =
    input.netns !== null ? [{ type: 'network', path: input.netns }] : input.spec.networkMode === 'host' ? [] : [{ type: 'network' }];
  const { spec: { namespaces }, donors, users = null } = input;
  const one = (type: 'pid' | 'ipc' | 'uts' | 'cgroup' | 'time'): readonly OciNamespace[] => {
    const donor = donors?.[type] ?? null;
    if (donor !== null) return [{ type, path: `/proc/${donor}/ns/${type}` }];
    if (namespaces[type].startsWith(PINNED)) return [{ type, path: namespaces[type].slice(PINNED.length) }];
    return namespaces[type] === (type === 'time' ? '' : 'host') ? [] : [{ type }];
  };
  return [...(users === null ? [] : [{ type: 'user', path: users.path } as const]), ...one('pid'), ...network, ...one('ipc'), { type: 'mount' }, ...one('uts'), ...one('cgroup'), ...one('time')];
}

/** What is mounted over `/dev` or below replaces the system's own; the engine's files come last but never hide what was asked for. */
function mountsOf(input: BundleInput): readonly OciMount[] {
  const asked = new Set(input.mounts.map((mount) => mount.target.replace(/\/+$/, '')));
  const files: readonly (readonly [string, string])[] = [
    ['/etc/resolv.conf', input.files.resolvConf], ['/etc/hostname', input.files.hostname], ['/etc/hosts', input.files.hosts],
  ];
  const below = input.mounts.filter(({ target, readOnly }) => target.replace(/\/+$/, '') === '/etc' && !readOnly); // in a read-only one no place for them can be made
  return [
    ...systemMounts(input).filter(({ destination }) => !asked.has(destination)),
    ...below.map((mount) => mountOf(mount, input.users ?? null)),
    ...files
      .filter(([target]) => !asked.has(target))
      .map(([destination, source]) => ({ destination, type: 'bind', source, options: ['bind', 'rprivate', ...(input.spec.readOnly ? ['ro'] : [])] })),
    ...input.mounts.filter((mount) => !below.includes(mount)).map((mount) => mountOf(mount, input.users ?? null)),
  ];
}

export function mountOf(mount: ResolvedMount, users: Users | null): OciMount {
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
  const own = users === null ? [] : ['users'];
  if (mount.type === 'image') return imageMount(mount, own);
  if (mount.type === 'content') return { destination: mount.target, type: 'content', source: mount.source, options: mount.options };
  return {
    destination: mount.target, type: 'bind', source: mount.source,
    options: [mount.recursive === 'disabled' ? 'bind' : 'rbind', ...(mount.readOnly ? [mount.recursive === 'writable' ? 'ro' : 'rro'] : []), mount.propagation === '' ? 'rprivate' : mount.propagation, ...mount.options, ...own],
  };
}

/** mount(2) takes no more. */
const LONGEST_OPTIONS = 4000;

/** An image's layers, topmost first, as an overlay without a place to write to; a single one as it is. `source` names them, joined by colons. */
function imageMount({ target, source, options: part }: ResolvedMount, own: readonly string[]): OciMount {
  if (source.length > LONGEST_OPTIONS) throw new BayplanError('bad-request', `mount ${target}: the image has too many layers to be mounted`);
  if (!source.includes(':')) return { destination: target, type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev', 'rprivate', ...part, ...own] };
  return { destination: target, type: 'overlay', source: 'overlay', options: ['ro', 'nosuid', 'nodev', ...part, `lowerdir=${source}`] };
}

/** The root's own propagation must let through what a mount asks for. Null: the runtime's default. */
function rootPropagation(mounts: readonly ResolvedMount[]): string | null {
  const asked = mounts.map((mount) => mount.propagation);
  if (asked.some((one) => one === 'shared' || one === 'rshared')) return 'shared';
  return asked.some((one) => one === 'slave' || one === 'rslave') ? 'rslave' : null;
}
