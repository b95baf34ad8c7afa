import type { Resources } from '../../state/resources.ts';
import { resourcesOf, type DeviceNumbers } from './cgroup-resources.ts';
import type { OciRate, OciResources } from './oci.ts';

interface Disk { readonly major: number; readonly minor: number }

const DEFAULT_PERIOD = 100_000;
const DEFAULT_RT_PERIOD = 1_000_000;
const DEFAULT_SWAPPINESS = 60;

/** What `bayplan-core limit` is told so that a container that was limited as `before` is limited as `after`: a limit that goes is one that is taken away, -1, and a choice that goes is an empty one. */
export function resourcesChange(before: Resources, after: Resources, numbers: DeviceNumbers): Omit<OciResources, 'devices'> {
  const old = resourcesOf(before, [], numbers);
  const { devices: _none, ...wanted } = resourcesOf(after, [], numbers);
  const taken = <K extends string, V extends number | string>(was: object | undefined, is: object | undefined, keys: Readonly<Record<K, V>>): Partial<Record<K, V>> =>
    Object.fromEntries(Object.entries(keys).filter(([key]) => was !== undefined && key in was && !(is !== undefined && key in is))) as Partial<Record<K, V>>; // its keys are some of K
  const memory = { ...taken(old.memory, wanted.memory, { limit: -1, reservation: -1, swap: -1, swappiness: DEFAULT_SWAPPINESS }), ...(old.memory?.disableOOMKiller === true ? { disableOOMKiller: false } : {}), ...wanted.memory };
  const cpu = { ...taken(old.cpu, wanted.cpu, { shares: -1, quota: -1, period: DEFAULT_PERIOD, realtimeRuntime: -1, realtimePeriod: DEFAULT_RT_PERIOD }), ...taken(old.cpu, wanted.cpu, { cpus: '', mems: '' }), ...wanted.cpu };
  const pids = wanted.pids ?? (old.pids === undefined ? undefined : { limit: -1 });
  const gone = <T extends Disk>(was: readonly T[] = [], is: readonly T[] = []): readonly T[] => was.filter((one) => !is.some(({ major, minor }) => major === one.major && minor === one.minor));
  const freed = (was: readonly OciRate[] = [], is: readonly OciRate[] = []): readonly OciRate[] => [...gone(was, is).map((one) => ({ ...one, rate: 0 })), ...is];
  const blockIO = old.blockIO === undefined && wanted.blockIO === undefined ? undefined : {
    ...taken(old.blockIO, wanted.blockIO, { weight: -1 }), ...wanted.blockIO,
    weightDevice: [...gone(old.blockIO?.weightDevice, wanted.blockIO?.weightDevice).map((one) => ({ ...one, weight: 0 })), ...(wanted.blockIO?.weightDevice ?? [])],
    throttleReadBpsDevice: freed(old.blockIO?.throttleReadBpsDevice, wanted.blockIO?.throttleReadBpsDevice),
    throttleWriteBpsDevice: freed(old.blockIO?.throttleWriteBpsDevice, wanted.blockIO?.throttleWriteBpsDevice),
    throttleReadIOPSDevice: freed(old.blockIO?.throttleReadIOPSDevice, wanted.blockIO?.throttleReadIOPSDevice),
    throttleWriteIOPSDevice: freed(old.blockIO?.throttleWriteIOPSDevice, wanted.blockIO?.throttleWriteIOPSDevice),
  };
  return {
    ...(Object.keys(memory).length === 0 ? {} : { memory }), ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(pids === undefined ? {} : { pids }), ...(blockIO === undefined ? {} : { blockIO }),
  };
}
