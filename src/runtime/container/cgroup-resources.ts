import type { DeviceRate, Resources } from '../../state/resources.ts';
import type { OciBlockIo, OciDeviceRule, OciRate, OciResources } from './oci.ts';

/** Number of a block device, by its path on the host. Throws where there is none. */
export type DeviceNumbers = (path: string) => { readonly major: number; readonly minor: number };

const PERIOD = 100_000;

/** `linux.resources` of a container. `devices`: what it may do with devices, in the order in which it counts. */
export function resourcesOf(resources: Resources, devices: readonly OciDeviceRule[], numbers: DeviceNumbers): OciResources {
  const memory = memoryOf(resources);
  const cpu = cpuOf(resources);
  const blockIO = blockIoOf(resources, numbers);
  return {
    devices,
    ...(memory === null ? {} : { memory }),
    ...(cpu === null ? {} : { cpu }),
    ...(resources.pids === null ? {} : { pids: { limit: resources.pids } }),
    ...(blockIO === null ? {} : { blockIO }),
  };
}

/** Swap: as much again as memory, as Docker does where only memory is limited. */
function memoryOf({ memory, memoryReservation, memorySwap, swappiness, oomKillDisable }: Resources): NonNullable<OciResources['memory']> | null {
  const swap = memorySwap ?? (memory === null ? null : memory * 2);
  return orNull({
    ...(memory === null ? {} : { limit: memory }), ...(memoryReservation === null ? {} : { reservation: memoryReservation }), ...(swap === null ? {} : { swap }),
    ...(swappiness === null ? {} : { swappiness }), ...(oomKillDisable ? { disableOOMKiller: true } : {}),
  });
}

function cpuOf({ cpus, cpuShares, cpuQuota, cpuPeriod, cpuRtRuntime, cpuRtPeriod, cpuset, cpusetMems }: Resources): NonNullable<OciResources['cpu']> | null {
  return orNull({
    ...(cpuShares === null ? {} : { shares: cpuShares }),
    ...(cpus !== null ? { quota: Math.max(1000, Math.round(cpus * PERIOD)), period: PERIOD } : {}),
    ...(cpuQuota === null ? {} : { quota: cpuQuota }), ...(cpuPeriod === null ? {} : { period: cpuPeriod }),
    ...(cpuRtRuntime === null ? {} : { realtimeRuntime: cpuRtRuntime }), ...(cpuRtPeriod === null ? {} : { realtimePeriod: cpuRtPeriod }),
    ...(cpuset === '' ? {} : { cpus: cpuset }), ...(cpusetMems === '' ? {} : { mems: cpusetMems }),
  });
}

function blockIoOf({ blockIo }: Resources, numbers: DeviceNumbers): OciBlockIo | null {
  const rates = (list: readonly DeviceRate[]): readonly OciRate[] => list.map(({ path, rate }) => ({ ...numbers(path), rate }));
  const some = <K extends string>(key: K, list: readonly DeviceRate[]): { readonly [key: string]: readonly OciRate[] } => (list.length === 0 ? {} : { [key]: rates(list) });
  return orNull({
    ...(blockIo.weight === null ? {} : { weight: blockIo.weight }),
    ...(blockIo.weightDevices.length === 0 ? {} : { weightDevice: blockIo.weightDevices.map(({ path, weight }) => ({ ...numbers(path), weight })) }),
    ...some('throttleReadBpsDevice', blockIo.readBps), ...some('throttleWriteBpsDevice', blockIo.writeBps),
    ...some('throttleReadIOPSDevice', blockIo.readIops), ...some('throttleWriteIOPSDevice', blockIo.writeIops),
  });
}

function orNull<T extends object>(value: T): T | null {
  return Object.keys(value).length === 0 ? null : value;
}
