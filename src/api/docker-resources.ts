import { cpus as processors } from 'node:os';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Resources } from '../state/resources.ts';
import type { ResourceConfig } from './docker-config.ts';

/** Docker's, in bytes. */
const LEAST_MEMORY = 6 * 1024 * 1024;
/** The kernel's, in microseconds. */
const LEAST_TIME = 1000;
const LONGEST_PERIOD = 1_000_000;
const LEAST_SHARES = 2;
const MOST_SHARES = 262_144;

/** What Docker refuses, in its words: limits by which no container could be started, and such as contradict each other. `asked` alone, and with what `holds` besides. Throws `bad-request`. */
export function checkLimits({ memory, memoryReservation, cpus, cpuQuota, cpuPeriod, cpuRtRuntime, cpuRtPeriod }: Resources, holds: Resources): void {
  if (memory !== null && memory < LEAST_MEMORY) throw new BayplanError('bad-request', 'Minimum memory limit allowed is 6MB');
  if (memoryReservation !== null && memoryReservation < LEAST_MEMORY) throw new BayplanError('bad-request', 'Minimum memory reservation allowed is 6MB');
  if (cpuRtRuntime !== null && cpuRtRuntime > (cpuRtPeriod ?? LONGEST_PERIOD)) throw new BayplanError('bad-request', 'cpu real-time runtime cannot be higher than cpu real-time period');
  if ((memory !== null || memoryReservation !== null) && (holds.memory ?? Infinity) < (holds.memoryReservation ?? 0)) throw new BayplanError('bad-request', 'Minimum memory limit can not be less than memory reservation limit, see usage');
  const most = cpus === null ? 0 : processors().length; // reading what they are takes longer than all of this
  if (cpus !== null && (cpus < 0 || cpus > most)) throw new BayplanError('bad-request', `range of CPUs is from 0.01 to ${most}.00, as there are only ${most} CPUs available`);
  if (cpuPeriod !== null && (cpuPeriod < LEAST_TIME || cpuPeriod > LONGEST_PERIOD)) throw new BayplanError('bad-request', 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  if (cpuQuota !== null && cpuQuota > 0 && cpuQuota < LEAST_TIME) throw new BayplanError('bad-request', 'CPU cfs quota can not be less than 1ms (i.e. 1000)');
}

/** Limits as the Docker Engine API names them; 0 says nothing. Throws BayplanError `bad-request` for shares that no cgroup can have. */
export function resourcesOf(host: ResourceConfig): Resources {
  checkShares(host.CpuShares ?? 0);
  return {
    memory: positive(host.Memory), cpus: host.NanoCpus ? host.NanoCpus / 1e9 : null, pids: positive(host.PidsLimit),
    memoryReservation: positive(host.MemoryReservation), memorySwap: said(host.MemorySwap), swappiness: (host.MemorySwappiness ?? -1) < 0 ? null : host.MemorySwappiness ?? null,
    oomKillDisable: host.OomKillDisable ?? false, cpuShares: positive(host.CpuShares),
    cpuQuota: said(host.CpuQuota), cpuPeriod: positive(host.CpuPeriod), cpuRtRuntime: said(host.CpuRealtimeRuntime), cpuRtPeriod: positive(host.CpuRealtimePeriod),
    cpuset: host.CpusetCpus ?? '', cpusetMems: host.CpusetMems ?? '', blockIo: blockIoOf(host),
  };
}

function checkShares(shares: number): void {
  if (shares < 0) throw new BayplanError('bad-request', `invalid CPU shares (${shares}): value must be a positive integer`);
  if (shares !== 0 && shares < LEAST_SHARES) throw new BayplanError('bad-request', `the minimum allowed cpu-shares is ${LEAST_SHARES}`);
  if (shares > MOST_SHARES) throw new BayplanError('bad-request', `the maximum allowed cpu-shares is ${MOST_SHARES}`);
}

/** The same in Docker's words, as `inspect` shows it. */
export function resourcesJson(resources: Resources): object {
  const { blockIo } = resources;
  const rates = (list: Resources['blockIo']['readBps']): object[] => list.map(({ path, rate }) => ({ Path: path, Rate: rate }));
  return {
    Memory: resources.memory ?? 0, NanoCpus: Math.round((resources.cpus ?? 0) * 1e9), PidsLimit: resources.pids,
    MemoryReservation: resources.memoryReservation ?? 0, MemorySwap: resources.memorySwap ?? (resources.memory ?? 0) * 2, MemorySwappiness: resources.swappiness, OomKillDisable: resources.oomKillDisable,
    CpuShares: resources.cpuShares ?? 0, CpuQuota: resources.cpuQuota ?? 0, CpuPeriod: resources.cpuPeriod ?? 0, CpuRealtimePeriod: resources.cpuRtPeriod ?? 0, CpuRealtimeRuntime: resources.cpuRtRuntime ?? 0,
    CpusetCpus: resources.cpuset, CpusetMems: resources.cpusetMems, BlkioWeight: blockIo.weight ?? 0, BlkioWeightDevice: blockIo.weightDevices.map(({ path, weight }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: rates(blockIo.readBps), BlkioDeviceWriteBps: rates(blockIo.writeBps), BlkioDeviceReadIOps: rates(blockIo.readIops), BlkioDeviceWriteIOps: rates(blockIo.writeIops),
  };
}

function blockIoOf(host: ResourceConfig): Resources['blockIo'] {
  const rates = (list: ResourceConfig['BlkioDeviceReadBps']): Resources['blockIo']['readBps'] => (list ?? []).map(({ Path, Rate }) => ({ path: Path, rate: Rate }));
  return {
    weight: positive(host.BlkioWeight), weightDevices: (host.BlkioWeightDevice ?? []).map(({ Path, Weight }) => ({ path: Path, weight: Weight })),
    readBps: rates(host.BlkioDeviceReadBps), writeBps: rates(host.BlkioDeviceWriteBps), readIops: rates(host.BlkioDeviceReadIOps), writeIops: rates(host.BlkioDeviceWriteIOps),
  };
}

function positive(value: number | null | undefined): number | null {
  return value === null || value === undefined || value <= 0 ? null : value;
}

function said(value: number | null | undefined): number | null {
  return value === null || value === undefined || value === 0 ? null : Math.max(value, -1);
}
