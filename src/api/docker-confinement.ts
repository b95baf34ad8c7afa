import { BayplanError } from '../state/bayplan-error.ts';
import { cgroupParentOf } from '../state/cgroup-parent.ts';
import { Namespaces, parseSecurityOptions } from '../state/confinement.ts';
import type { ContainerSpec } from '../state/container.ts';
import { deviceRequestProblem, type DeviceRequest } from '../state/device-request.ts';
import { MASKED_PATHS, READ_ONLY_PATHS } from '../state/system-paths.ts';
import type { HostConfig } from './docker-config.ts';

type Confinement = Pick<ContainerSpec, 'devices' | 'deviceRequests' | 'privileged' | 'security' | 'namespaces' | 'cgroupParent' | 'annotations' | 'runtime'>;

/** What holds a container, as the Docker Engine API names it. Throws `bad-request` for modes and options that there are not. */
export function confinementOf(host: HostConfig): Confinement {
  const { security, problems } = parseSecurityOptions(host.SecurityOpt ?? []);
  if (problems[0] !== undefined) throw new BayplanError('bad-request', `HostConfig.SecurityOpt: ${problems[0]}`);
  const modes = { pid: host.PidMode ?? '', ipc: host.IpcMode ?? '', uts: host.UTSMode ?? '', cgroup: host.CgroupnsMode ?? '', user: (host.UsernsMode ?? '').replace(/^private$/, 'auto') };
  const namespaces = Namespaces.safeParse(modes);
  if (!namespaces.success) {
    const [kind, mode = ''] = Object.entries(modes).find(([each]) => each === namespaces.error.issues[0]?.path[0]) ?? [];
    const words: Readonly<Record<string, string>> = { pid: 'PID mode', ipc: 'IPC mode', uts: 'UTS mode', cgroup: 'cgroup namespace mode', user: 'userns mode' }; // Docker's
    throw new BayplanError('bad-request', `invalid ${words[kind ?? ''] ?? 'mode'}: ${mode}`);
  }
  if (Object.hasOwn(host.Annotations ?? {}, '')) throw new BayplanError('bad-request', 'invalid Annotations: the empty string is not permitted as an annotation key');
  // docker's client says `systempaths=unconfined` by two empty lists.
  const open = host.MaskedPaths !== null && host.MaskedPaths?.length === 0 && host.ReadonlyPaths !== null && host.ReadonlyPaths?.length === 0;
  if (!open) for (const [field, usual] of [['MaskedPaths', MASKED_PATHS], ['ReadonlyPaths', READ_ONLY_PATHS]] as const) refuseOwnPaths(field, host[field], usual);
  return {
    devices: (host.Devices ?? []).map(({ PathOnHost, PathInContainer, CgroupPermissions }) => ({ source: PathOnHost, target: PathInContainer || PathOnHost, permissions: CgroupPermissions || 'rwm' })),
    deviceRequests: requestsOf(host),
    privileged: host.Privileged ?? false, security: open ? { ...security, maskPaths: false } : security, namespaces: namespaces.data,
    cgroupParent: cgroupParentOf(host.CgroupParent ?? ''), annotations: host.Annotations ?? {}, runtime: host.Runtime ?? '',
  };
}

/** What a processor's own folder shows of its heat, Docker's lists name one by one. */
const HEAT = /^\/sys\/devices\/system\/cpu\/cpu\d+\/thermal_throttle$/;

/** What the lists of older Dockers have not. */
const LATER: readonly string[] = ['/proc/interrupts', '/sys/devices/virtual/powercap'];

/** The usual list may be said, as `inspect` shows it; the container would be another one with any other. */
function refuseOwnPaths(field: 'MaskedPaths' | 'ReadonlyPaths', asked: readonly string[] | null | undefined, usual: readonly string[]): void {
  if (asked === null || asked === undefined) return;
  const odd = usual.find((path) => !asked.includes(path) && !LATER.includes(path)) ?? asked.find((path) => !usual.includes(path) && !HEAT.test(path));
  if (odd !== undefined) throw new BayplanError('not-built', `HostConfig.${field}: a list of one's own (${asked.includes(odd) ? 'with' : 'without'} ${odd}) is not built: leave it out, or give both lists empty for all of /proc and /sys`);
}

function requestsOf({ DeviceRequests }: HostConfig): DeviceRequest[] {
  return (DeviceRequests ?? []).map(({ Driver, Count, DeviceIDs, Capabilities, Options }) => {
    const request = { driver: Driver ?? '', count: Math.max(-1, Count ?? 0), ids: DeviceIDs ?? [], capabilities: Capabilities ?? [], options: Options ?? {} };
    const problem = deviceRequestProblem(request);
    if (problem !== null) throw new BayplanError('bad-request', problem);
    return request;
  });
}

/** The same in Docker's words, as `inspect` shows it. */
export function confinementJson({ devices, deviceRequests, privileged, security, namespaces, cgroupParent, annotations }: ContainerSpec): object {
  const options = [
    ...(security.noNewPrivileges ? ['no-new-privileges'] : []), ...(security.seccomp === '' ? [] : [`seccomp=${security.seccomp}`]),
    ...(security.apparmor === '' ? [] : [`apparmor=${security.apparmor}`]),
  ];
  return {
    Privileged: privileged, PidMode: namespaces.pid, IpcMode: namespaces.ipc === '' ? 'private' : namespaces.ipc, UTSMode: namespaces.uts, UsernsMode: namespaces.user,
    CgroupnsMode: namespaces.cgroup === '' ? 'private' : namespaces.cgroup, SecurityOpt: options.length === 0 ? null : options, CgroupParent: cgroupParent, Annotations: annotations,
    Devices: devices.map(({ source, target, permissions }) => ({ PathOnHost: source, PathInContainer: target, CgroupPermissions: permissions })),
    DeviceRequests: deviceRequests.length === 0 ? null : deviceRequests.map(({ driver, count, ids, capabilities, options }) => ({ Driver: driver, Count: count, DeviceIDs: ids.length === 0 ? null : ids, Capabilities: capabilities.length === 0 ? null : capabilities, Options: options })),
    ...(privileged ? { MaskedPaths: null, ReadonlyPaths: null } : security.maskPaths ? { MaskedPaths: MASKED_PATHS, ReadonlyPaths: READ_ONLY_PATHS } : { MaskedPaths: [], ReadonlyPaths: [] }),
  };
}
