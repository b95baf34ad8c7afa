import { expect, it } from 'vitest';
import { resourcesChange } from '../../../src/runtime/container/update-resources.ts';
import { NO_BLOCK_IO, type Resources } from '../../../src/state/resources.ts';
import { resources } from '../../spec-values.ts';

const change = (before: Partial<Resources>, after: Partial<Resources>): object => resourcesChange(resources(before), resources(after), () => ({ major: 8, minor: 0 }));
const disk = (rate: number): Partial<Resources> => ({ blockIo: { ...NO_BLOCK_IO, weight: 300, readBps: [{ path: '/dev/a', rate }] } });
const rates = { weightDevice: [], throttleWriteBpsDevice: [], throttleReadIOPSDevice: [], throttleWriteIOPSDevice: [] };

it.each<[string, Partial<Resources>, Partial<Resources>, object]>([
  ['nothing', {}, {}, {}],
  ['a limit that comes', {}, { memory: 64, pids: 5 }, { memory: { limit: 64, swap: 128 }, pids: { limit: 5 } }],
  ['a limit that changes', { cpus: 1 }, { cpus: 2 }, { cpu: { quota: 200_000, period: 100_000 } }],
  ['limits that go', { memory: 64, cpus: 1, pids: 5, cpuShares: 7, memoryReservation: 9, swappiness: 1, oomKillDisable: true }, {}, {
    memory: { limit: -1, swap: -1, reservation: -1, swappiness: 60, disableOOMKiller: false }, cpu: { quota: -1, period: 100_000, shares: -1 }, pids: { limit: -1 },
  }],
  ['a rate that changes', disk(1), disk(2), { blockIO: { weight: 300, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 2 }], ...rates } }],
  ['a rate that goes', disk(1), {}, { blockIO: { weight: -1, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 0 }], ...rates } }],
])('tells the core of %s', (_what, before, after, expected) => expect(change(before, after)).toEqual(expected));
