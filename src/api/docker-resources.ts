import { cpus } from 'node:os';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Resources } from '../state/resources.ts';
import type { ResourceConfig } from './docker-config.ts';

/** Docker's, in bytes. */
const LEAST_MEMORY = 6 * 1024 * 1024;

/** Throws `bad-request` for so little memory that no container could be started, and for more processors than there are. */
export function checkResources({ Memory: memory, NanoCpus: nanoCpus }: Pick<ResourceConfig, 'Memory' | 'NanoCpus'>): void {
  if ((memory ?? 0) > 0 && (memory ?? 0) < LEAST_MEMORY) throw new BayplanError('bad-request', 'Minimum memory limit allowed is 6MB');
  const there = cpus().length;
  if ((nanoCpus ?? 0) < 0 || (nanoCpus ?? 0) > there * 1e9) throw new BayplanError('bad-request', `range of CPUs is from 0.01 to ${there}.00, as there are only ${there} CPUs available`);
}

/** Limits as the Docker Engine API names them; 0 says nothing. */
export function resourcesOf(host: ResourceConfig): Resources {
  return {
    memory: positive(host.Memory), cpus: host.NanoCpus ? host.NanoCpus / 1e9 : null, pids: positive(host.PidsLimit),
    memoryReservation: positive(host.MemoryReservation), memorySwap: said(host.MemorySwap), swappiness: (host.MemorySwappiness ?? -1) < 0 ? null : host.MemorySwappiness ?? null,
    oomKillDisable: host.OomKillDisable ?? false, cpuShares: positive(host.CpuShares),
    cpuQuota: said(host.CpuQuota), cpuPeriod: positive(host.CpuPeriod), cpuRtRuntime: said(host.CpuRealtimeRuntime), cpuRtPeriod: positive(host.CpuRealtimePeriod),
    cpuset: host.CpusetCpus ?? '', cpusetMems: host.CpusetMems ?? '', blockIo: blockIoOf(host),
  };
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
