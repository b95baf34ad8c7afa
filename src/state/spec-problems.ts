import { isIP } from 'node:net';
import { normalize } from 'node:path/posix';
import type { ContainerSpec } from './container.ts';
import { loggingProblem } from './logging.ts';
import { ulimitProblem, type Resources } from './resources.ts';
import { sysctlProblem } from './sysctls.ts';

/** What of a container's spec cannot be, whatever the machine. `key` is the stack file's. */
export interface SpecProblem { readonly key: string; readonly text: string }

export type JudgedSpec = Pick<ContainerSpec, 'resources' | 'ulimits' | 'sysctls' | 'oomScoreAdj' | 'deviceCgroupRules' | 'devices' | 'cgroupParent' | 'networkMode' | 'namespaces' | 'privileged' | 'logging' | 'postStart' | 'preStop' | 'extraHosts'> & { readonly mounts: readonly { readonly target: string }[] };

export function specProblems(spec: JudgedSpec): readonly SpecProblem[] {
  const { ulimits, sysctls, oomScoreAdj, deviceCgroupRules, devices, cgroupParent } = spec;
  return [
    ...resourceProblems(spec.resources),
    ...(Math.abs(oomScoreAdj) > 1000 ? [{ key: 'oom_score_adj', text: `oom_score_adj ${oomScoreAdj}: expected a number from -1000 to 1000` }] : []),
    ...Object.keys(sysctls).flatMap((name) => problem('sysctls', sysctlProblem(name, spec))),
    ...Object.entries(ulimits).flatMap(([name, limit]) => problem('ulimits', ulimitProblem(name, limit))),
    ...devices.filter(({ source, target, permissions }) => !source.startsWith('/') || !target.startsWith('/') || !/^[rwm]{1,3}$/.test(permissions))
      .map(({ source, target, permissions }) => ({ key: 'devices', text: deviceText(source, target, permissions) })),
    ...(cgroupParent.split('/').includes('..') ? [{ key: 'cgroup_parent', text: `cgroup_parent ${cgroupParent}: no ".." in it` }] : []),
    ...spec.mounts.filter(({ target }) => isRoot(target)).map(({ target }) => ({ key: 'volumes', text: `volumes: "${target}" is the container's whole root, and nothing can be mounted there` })),
    ...spec.extraHosts.flatMap((extra) => problem('extra_hosts', extraHostProblem(extra))),
    ...problem('userns_mode', usersProblem(spec)),
    ...problem('logging', loggingProblem(spec.logging)),
    ...problem('post_start', spec.postStart.some(({ command }) => command.length === 0) ? 'post_start: a hook has no command' : null),
    ...problem('pre_stop', spec.preStop.some(({ command }) => command.length === 0) ? 'pre_stop: a hook has no command' : null),
    ...deviceCgroupRules.filter((rule) => !DEVICE_RULE.test(rule)).map((rule) => ({ key: 'device_cgroup_rules', text: `device_cgroup_rules: "${rule}": expected a rule such as "c 1:3 rwm"` })),
  ];
}

/** `host-gateway` is the host's address on the container's network. */
function extraHostProblem(extra: string): string | null {
  const address = /^[^:=]*[:=]\[?(.*?)\]?$/.exec(extra)?.[1] ?? '';
  return address === 'host-gateway' || isIP(address) !== 0 ? null : `extra_hosts "${extra}": "${address}" is no IP address, nor host-gateway`;
}

/** Also `/..` and `/a/../`. */
function isRoot(path: string): boolean {
  return path.startsWith('/') && normalize(path) === '/';
}

function deviceText(source: string, target: string, permissions: string): string {
  return `devices: "${source}:${target}:${permissions}": expected absolute paths, and of r, w and m what is permitted`;
}

/** `TYPE MAJOR:MINOR ACCESS`, as in the kernel's devices.allow. */
export const DEVICE_RULE = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/;

/** The kernel's least quota is 1 ms, and 100 ms the period. */
const LEAST_CPUS = 0.01;

/** Docker's; with much less no container gets through its own set-up. */
const LEAST_MEMORY = 6 * 2 ** 20;

/** As `0-2,7`. */
function isNumberList(text: string): boolean {
  return text === '' || text.split(',').every((part) => {
    const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    return first !== '' && Number(first) <= Number(last);
  });
}

function resourceProblems({ memory, memoryReservation, memorySwap, swappiness, cpus, cpuQuota, cpuPeriod, cpuset, blockIo }: Resources): readonly SpecProblem[] {
  const swap = memorySwap !== null && memorySwap > 0 ? memorySwap : null;
  const weights = [blockIo.weight, ...blockIo.weightDevices.map(({ weight }) => weight)];
  return [
    ...problem('memswap_limit', swap !== null && memory === null ? 'memswap_limit is memory and swap together: it needs mem_limit' : null),
    ...problem('memswap_limit', swap !== null && memory !== null && swap < memory ? 'memswap_limit is memory and swap together: it cannot be below mem_limit' : null),
    ...problem('mem_reservation', memory !== null && memoryReservation !== null && memoryReservation > memory ? `the memory limit ${memory} is less than the memory reservation ${memoryReservation}: what is reserved has to be within the limit` : null),
    ...problem('cpus', cpus !== null && cpus < LEAST_CPUS ? `cpus ${cpus}: expected at least ${LEAST_CPUS}` : null),
    ...problem('mem_swappiness', swappiness !== null && swappiness > 100 ? `mem_swappiness ${swappiness}: expected a number from 0 to 100` : null),
    ...problem(cpuQuota === null ? 'cpu_period' : 'cpu_quota', cpus !== null && (cpuQuota !== null || cpuPeriod !== null) ? 'cpus and cpu_quota or cpu_period say the same in two ways: keep one' : null),
    ...problem('cpuset', isNumberList(cpuset) ? null : `cpuset "${cpuset}": expected processors such as 0-2,7`),
    ...problem('mem_limit', memory !== null && memory > 0 && memory < LEAST_MEMORY ? `mem_limit ${memory}: expected at least ${LEAST_MEMORY} bytes (6m)` : null),
    ...problem('blkio_config', weights.some((weight) => weight !== null && (weight < 10 || weight > 1000)) ? 'blkio_config: a weight is a number from 10 to 1000' : null),
  ];
}

/** Users of its own go with namespaces of its own, for a namespace is the property of the users that it was made for. */
export function usersProblem({ namespaces, networkMode, privileged }: Pick<ContainerSpec, 'namespaces' | 'networkMode' | 'privileged'>): string | null {
  if (!namespaces.user.startsWith('auto')) return null;
  const foreign = foreignNamespace({ namespaces, networkMode });
  if (foreign !== null && foreign[1].startsWith('container:')) return `userns_mode ${namespaces.user}: it shares ${foreign[0]} of ${foreign[1].slice('container:'.length)}, which belongs to that one's users: share those too by userns_mode, or leave that out`;
  if (foreign !== null) return `userns_mode ${namespaces.user}: ${foreign[0]} "${foreign[1]}" belongs to other users: use userns_mode "host", or a namespace of its own`;
  return privileged ? `userns_mode ${namespaces.user}: a privileged container has the host's users: use userns_mode "host"` : null;
}

/** The first namespace, with its key, that is not the container's own and belongs to somebody's users. */
export function foreignNamespace({ namespaces: { pid, ipc, uts, cgroup, time }, networkMode }: Pick<ContainerSpec, 'namespaces' | 'networkMode'>): readonly [string, string] | null {
  const modes = [['network_mode', networkMode], ['pid', pid], ['ipc', ipc], ['uts', uts], ['cgroup', cgroup], ['time', time]] as const;
  return modes.find(([key, mode]) => /^(container:|ns:)/.test(mode) || (mode === 'host' && ['network_mode', 'pid', 'ipc'].includes(key))) ?? null;
}

function problem(key: string, text: string | null): readonly SpecProblem[] {
  return text === null ? [] : [{ key, text }];
}
