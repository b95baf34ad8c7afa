import { describe, expect, it } from 'vitest';
import { resourcesOf } from '../../../src/runtime/container/cgroup-resources.ts';
import { deviceRulesOf } from '../../../src/runtime/container/device-rules.ts';
import type { OciResources } from '../../../src/runtime/container/oci.ts';
import type { Resources } from '../../../src/state/resources.ts';
import { containerSpec, resources } from '../../spec-values.ts';

const devices = [{ allow: false, access: 'rwm' }];
const of = (change: Partial<Resources>): OciResources => resourcesOf(resources(change), devices, (path) => ({ major: 8, minor: path === '/dev/sda' ? 0 : 16 }));

describe('resourcesOf', () => {
  it('sets nothing that is not asked for', () => expect(of({})).toEqual({ devices }));

  it('counts cores in microseconds a period, and allows as much swap as memory', () => {
    expect(of({ memory: 64, cpus: 1.5, pids: 9 })).toEqual({ devices, memory: { limit: 64, swap: 128 }, cpu: { quota: 150_000, period: 100_000 }, pids: { limit: 9 } });
    expect(of({ cpus: 0.001 })).toMatchObject({ cpu: { quota: 1000 } });
  });

  it.each<[string, Partial<Resources>, Partial<OciResources>]>([
    ['memory in all its parts', { memory: 64, memoryReservation: 32, memorySwap: 96, swappiness: 10, oomKillDisable: true }, { memory: { limit: 64, reservation: 32, swap: 96, swappiness: 10, disableOOMKiller: true } }],
    ['swap without limit', { memory: 64, memorySwap: -1 }, { memory: { limit: 64, swap: -1 } }],
    ['processors', { cpuShares: 512, cpuset: '0-1', cpusetMems: '0' }, { cpu: { shares: 512, cpus: '0-1', mems: '0' } }],
    ['a quota and its period', { cpuQuota: 20_000, cpuPeriod: 50_000 }, { cpu: { quota: 20_000, period: 50_000 } }],
    ['real time', { cpuRtRuntime: 1000, cpuRtPeriod: 500_000 }, { cpu: { realtimeRuntime: 1000, realtimePeriod: 500_000 } }],
    ['disks by their number', {
      blockIo: {
        weight: 300, weightDevices: [{ path: '/dev/sda', weight: 400 }], readBps: [{ path: '/dev/sdb', rate: 1 }], writeBps: [{ path: '/dev/sdb', rate: 2 }],
        readIops: [{ path: '/dev/sda', rate: 3 }], writeIops: [{ path: '/dev/sda', rate: 4 }],
      },
    }, {
      blockIO: {
        weight: 300, weightDevice: [{ major: 8, minor: 0, weight: 400 }], throttleReadBpsDevice: [{ major: 8, minor: 16, rate: 1 }], throttleWriteBpsDevice: [{ major: 8, minor: 16, rate: 2 }],
        throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 3 }], throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 4 }],
      },
    }],
  ])('says %s as the specification does', (_what, change, expected) => expect(of(change)).toEqual({ devices, ...expected }));
});

it('device rules stand behind the one that denies all', () => {
  expect(deviceRulesOf(containerSpec({ deviceCgroupRules: ['c 10:* rm', 'b *:7 w', 'a *:* rwm'] }), [])).toEqual([
    { allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 10, minor: 200, access: 'rwm' }, { allow: true, type: 'c', major: 10, access: 'rm' }, { allow: true, type: 'b', minor: 7, access: 'w' }, { allow: true, type: 'a', access: 'rwm' },
  ]);
});
