import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Drift } from '../../state/drift.ts';
import type { Resources } from '../../state/resources.ts';
import { resourcesOf } from './cgroup-resources.ts';
import type { OciResources } from './oci.ts';

/** A limit as the kernel is expected to show it. `folder`: of version 1, its controller. */
export interface ExpectedLimit { readonly group: 'memory' | 'cpu' | 'cpuset' | 'pids'; readonly file: string; readonly folder: string; readonly value: string }

const TOP = '/sys/fs/cgroup';
const PAGE = 4096;
/** Version 1 shows no limit of memory as the most pages there could be. */
const UNLIMITED_V1 = 2n ** 62n;

/**
 * Limits that change nothing but the kernel's own numbers, and what a spec does not limit is expected to be without limit, but for the choice of processors, which is the parent's then: `inherited` says how that is written,
 * null: it cannot be told. Disks and devices are left out: their numbers may change by themselves.
 */
export function expectedLimits(resources: Resources, version: 1 | 2, inherited: (file: string) => string | null = () => null): readonly ExpectedLimit[] {
  const { memory, cpu, pids } = limitsOf(resources);
  const bytes = (limit: number | undefined): string => (limit === undefined || limit < 0 ? 'max' : String(limit - (limit % PAGE)));
  const shares = Math.min(262144, Math.max(2, cpu?.shares ?? 1024));
  const quota = cpu?.quota === undefined || cpu.quota < 0 ? null : cpu.quota;
  const period = cpu?.period ?? 100_000;
  const sets = ([['cpuset.cpus', cpu?.cpus], ['cpuset.mems', cpu?.mems]] as const).flatMap(([file, list]) => {
    const value = list === undefined ? inherited(file) : asRanges(list);
    return value === null ? [] : [{ group: 'cpuset' as const, folder: version === 1 ? 'cpuset' : '', file, value }];
  });
  const soft = memory?.reservation === undefined || memory.reservation < 0 ? null : bytes(memory.reservation);
  const count = pids === undefined || pids.limit < 0 ? 'max' : String(pids.limit);
  if (version === 2) {
    const swap = memory?.swap === undefined || memory.swap < 0 || memory.limit === undefined ? 'max' : String(Math.max(0, memory.swap - memory.limit));
    return [
      { group: 'memory', folder: '', file: 'memory.max', value: bytes(memory?.limit) }, { group: 'memory', folder: '', file: 'memory.swap.max', value: swap === 'max' ? swap : bytes(Number(swap)) },
      ...(soft === null ? [] : [{ group: 'memory' as const, folder: '', file: 'memory.low', value: soft }]),
      { group: 'cpu', folder: '', file: 'cpu.max', value: `${quota ?? 'max'} ${period}` },
      { group: 'cpu', folder: '', file: 'cpu.weight', value: cpu?.shares === undefined ? '100' : String(1 + Math.trunc((shares - 2) * 9999 / 262142)) },
      { group: 'pids', folder: '', file: 'pids.max', value: count }, ...sets,
    ];
  }
  return [
    { group: 'memory', folder: 'memory', file: 'memory.limit_in_bytes', value: bytes(memory?.limit) }, { group: 'memory', folder: 'memory', file: 'memory.memsw.limit_in_bytes', value: bytes(memory?.swap) },
    ...(soft === null ? [] : [{ group: 'memory' as const, folder: 'memory', file: 'memory.soft_limit_in_bytes', value: soft }]),
    ...(memory?.swappiness === undefined ? [] : [{ group: 'memory' as const, folder: 'memory', file: 'memory.swappiness', value: String(memory.swappiness) }]),
    { group: 'cpu', folder: 'cpu', file: 'cpu.cfs_quota_us', value: String(quota ?? -1) }, ...(quota === null ? [] : [{ group: 'cpu' as const, folder: 'cpu', file: 'cpu.cfs_period_us', value: String(period) }]),
    { group: 'cpu', folder: 'cpu', file: 'cpu.shares', value: String(shares) },
    { group: 'pids', folder: 'pids', file: 'pids.max', value: count }, ...sets,
  ];
}

/** What of a container's limits is not what its spec says. A file that is not there has no controller to hold it. */
export function limitDrift(resources: Resources, cgroup: string): readonly Drift[] {
  const version = cgroupVersion();
  const inherited = (file: string): string | null => (version === 2 ? '' : shown(join(TOP, 'cpuset', dirname(cgroup), file)));
  return expectedLimits(resources, version, inherited).flatMap(({ folder, file, value }): readonly Drift[] => {
    const found = shown(join(TOP, folder, cgroup, file));
    return found === null || found === value ? [] : [{ kind: 'limit', field: file, expected: value, found }];
  });
}

/** The folders in which a change of a limit is noticed. */
export function limitFolders(cgroup: string): readonly string[] {
  return (cgroupVersion() === 2 ? [''] : ['memory', 'cpu', 'pids', 'cpuset']).map((folder) => join(TOP, folder, cgroup)).filter((folder) => existsSync(folder));
}

/** What `bayplan-core limit` is told so that these files are right again. */
export function limitsToMend(resources: Resources, files: readonly string[]): object {
  const groups = new Set(expectedLimits(resources, cgroupVersion(), () => '').filter(({ file }) => files.includes(file)).map(({ group }) => group));
  const { memory, cpu, pids } = limitsOf(resources);
  const { cpus = files.includes('cpuset.cpus') ? '' : undefined, mems = files.includes('cpuset.mems') ? '' : undefined, ...time } = cpu ?? {};
  const processors = groups.has('cpuset') ? { ...(cpus === undefined ? {} : { cpus }), ...(mems === undefined ? {} : { mems }) } : {};
  return {
    ...(groups.has('memory') ? { memory: { limit: -1, swap: -1, ...memory } } : {}), ...(groups.has('cpu') || groups.has('cpuset') ? { cpu: { ...(groups.has('cpu') ? { shares: 1024, quota: -1, ...time } : {}), ...processors } } : {}),
    ...(groups.has('pids') ? { pids: pids ?? { limit: -1 } } : {}),
  };
}

function limitsOf(resources: Resources): Pick<OciResources, 'memory' | 'cpu' | 'pids'> {
  return resourcesOf({ ...resources, blockIo: { weight: null, weightDevices: [], readBps: [], writeBps: [], readIops: [], writeIops: [] } }, [], () => ({ major: 0, minor: 0 }));
}

/** A list of processors or memory nodes as the kernel writes it: `3,0-1,2` is `0-3`. */
function asRanges(list: string): string {
  const parts = list.split(',').map((part): [number, number] => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return [first, last];
  });
  const ranges: [number, number][] = [];
  for (const [first, last] of parts.sort(([a], [b]) => a - b)) {
    const range = ranges.at(-1);
    if (range !== undefined && first <= range[1] + 1) range[1] = Math.max(range[1], last);
    else ranges.push([first, last]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(',');
}

function cgroupVersion(): 1 | 2 {
  return existsSync(join(TOP, 'cgroup.controllers')) ? 2 : 1;
}

function shown(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return path.endsWith('_in_bytes') && BigInt(text) >= UNLIMITED_V1 ? 'max' : text;
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes(String(error.code))) return null;
    throw error;
  }
}
