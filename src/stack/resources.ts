import { NO_BLOCK_IO, type BlockIo, type DeviceRate, type Resources, type Ulimit } from '../state/resources.ts';
import { parseByteSize } from './byte-size.ts';
import type { ServiceConfig } from './service-schema.ts';

/** Limits and shares of a service; those below `deploy.resources` count first, as in docker compose. */
export function resourcesOf(service: ServiceConfig): Resources {
  const { limits, reservations } = service.deploy?.resources ?? {};
  return {
    memory: positive(parseByteSize(limits?.memory ?? service.mem_limit ?? '0')),
    cpus: positive(limits?.cpus ?? service.cpus ?? 0),
    pids: positive(limits?.pids ?? service.pids_limit ?? 0),
    memoryReservation: positive(parseByteSize(reservations?.memory ?? service.mem_reservation ?? '0')),
    memorySwap: said(parseByteSize(service.memswap_limit ?? '0')),
    swappiness: swappinessOf(service),
    oomKillDisable: service.oom_kill_disable ?? false,
    cpuShares: positive(service.cpu_shares ?? 0),
    cpuQuota: said(service.cpu_quota ?? 0), cpuPeriod: positive(service.cpu_period ?? 0),
    cpuRtRuntime: said(service.cpu_rt_runtime ?? 0), cpuRtPeriod: positive(service.cpu_rt_period ?? 0),
    cpuset: service.cpuset ?? '', cpusetMems: '',
    blockIo: blockIoOf(service),
  };
}

/** By name; one number is both. */
export function ulimitsOf({ ulimits }: ServiceConfig): Record<string, Ulimit> {
  return Object.fromEntries(Object.entries(ulimits ?? {}).map(([name, limit]) => [name, typeof limit === 'number' ? { soft: limit, hard: limit } : { ...limit }]));
}

/** Null for 0: as it would be anyway. */
export function shmSizeOf({ shm_size: size }: ServiceConfig): number | null {
  return positive(parseByteSize(size ?? '0'));
}

function swappinessOf({ mem_swappiness: value }: ServiceConfig): number | null {
  const swappiness = value === undefined ? -1 : parseByteSize(value) ?? -1;
  return swappiness < 0 ? null : swappiness;
}

function blockIoOf({ blkio_config: config }: ServiceConfig): BlockIo {
  if (config === undefined) return NO_BLOCK_IO;
  const rates = (list: typeof config.device_read_bps): DeviceRate[] => (list ?? []).map(({ path = '', rate = '0' }) => ({ path, rate: parseByteSize(rate) ?? 0 }));
  return {
    weight: positive(config.weight ?? 0),
    weightDevices: (config.weight_device ?? []).map(({ path = '', weight = 0 }) => ({ path, weight })),
    readBps: rates(config.device_read_bps), writeBps: rates(config.device_write_bps), readIops: rates(config.device_read_iops), writeIops: rates(config.device_write_iops),
  };
}

/** 0 and less mean no limit. */
export function positive(value: number | null): number | null {
  return value === null || value <= 0 ? null : value;
}

/** 0 means nothing was said, -1 that there is to be no limit. */
function said(value: number | null): number | null {
  return value === null || value === 0 ? null : Math.max(value, -1);
}
