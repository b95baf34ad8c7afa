import { expect, it } from 'vitest';
import { expectedLimits, limitsToMend } from '../../../src/runtime/container/limit-drift.ts';
import { Resources } from '../../../src/state/resources.ts';

const limits = (resources: Partial<Resources>, version: 1 | 2): Record<string, string> => (
  Object.fromEntries(expectedLimits({ ...Resources.parse({ memory: null, cpus: null, pids: null }), ...resources }, version).map(({ file, value }) => [file, value])));

it('knows how the kernel shows limits: whole pages, weights, and its words for none', () => {
  expect(limits({}, 1)).toEqual({ 'memory.limit_in_bytes': 'max', 'memory.memsw.limit_in_bytes': 'max', 'cpu.cfs_quota_us': '-1', 'cpu.shares': '1024', 'pids.max': 'max' });
  expect(limits({}, 2)).toEqual({ 'memory.max': 'max', 'memory.swap.max': 'max', 'cpu.max': 'max 100000', 'cpu.weight': '100', 'pids.max': 'max' });
  expect(limits({ memory: 10_000_001, cpus: 0.5, pids: 50, cpuShares: 512 }, 1)).toEqual({
    'memory.limit_in_bytes': '9998336', 'memory.memsw.limit_in_bytes': '19996672', 'cpu.cfs_quota_us': '50000', 'cpu.cfs_period_us': '100000', 'cpu.shares': '512', 'pids.max': '50',
  });
  expect(limits({ memory: 64 << 20, memorySwap: 96 << 20, cpus: 0.5, pids: 50, cpuShares: 512 }, 2)).toEqual({ 'memory.max': String(64 << 20), 'memory.swap.max': String(32 << 20), 'cpu.max': '50000 100000', 'cpu.weight': '20', 'pids.max': '50' });
});

it('knows how the kernel writes lists of processors, and gives a limit that is another\'s concern no other value', () => {
  expect(limits({ cpuset: '3,0-1,2,7', cpusetMems: '0' }, 1)).toMatchObject({ 'cpuset.cpus': '0-3,7', 'cpuset.mems': '0' });
  expect(limits({ cpuset: '1,0' }, 2)).toMatchObject({ 'cpuset.cpus': '0-1' });
  const resources = { ...Resources.parse({ memory: null, cpus: 0.5, pids: null }), cpuset: '1,0' };
  expect(limitsToMend(resources, ['cpuset.cpus'])).toEqual({ cpu: { cpus: '1,0' } });
  // A choice that was taken away, or was never made, is the parent's.
  expect(expectedLimits(Resources.parse({ memory: null, cpus: null, pids: null }), 1, () => '0-1').filter(({ group }) => group === 'cpuset')).toMatchObject([{ folder: 'cpuset', file: 'cpuset.cpus', value: '0-1' }, { file: 'cpuset.mems', value: '0-1' }]);
  expect(limitsToMend({ ...resources, cpuset: '' }, ['cpuset.cpus'])).toEqual({ cpu: { cpus: '' } });
  expect(limitsToMend(resources, ['cpu.shares'])).toEqual({ cpu: { shares: 1024, quota: 50_000, period: 100_000 } });
});
