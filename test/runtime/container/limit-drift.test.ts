import { expect, it } from 'vitest';
import { expectedLimits, limitsToMend } from '../../../src/runtime/container/limit-drift.ts';
import { mountDrift, type MountPoints, type MountsSeen } from '../../../src/runtime/container/mount-drift.ts';
import { type ContainerSpec, Grant, Mount } from '../../../src/state/container.ts';
import { Resources } from '../../../src/state/resources.ts';
import { specOf as containerSpec } from './container-spec.ts';

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
  expect(limitsToMend(resources, ['cpu.shares'])).toEqual({ cpu: { shares: 1024, quota: 50_000, period: 100_000 } });
});

const shown = (root: string | null, ...places: readonly string[]): MountPoints => ({ root, places: new Map(places.map((place) => [place, { id: `${place} 1`, readOnly: false }])) });

it('misses mounts that were there, and none that a link of the image put elsewhere', () => {
  const spec = containerSpec({ mounts: [{ type: 'tmpfs', target: '/run/x/', size: null, mode: null, options: [] }, { type: 'tmpfs', target: '/var/run/y', size: null, mode: null, options: [] }] });
  const seen: MountsSeen = { root: null, targets: new Map() };
  expect(mountDrift(spec, shown('31', '/', '/run/x', '/run/y'), seen)).toEqual([]);
  // It has changed its root, to a folder and to a mount: what is outside cannot be seen.
  expect(mountDrift(spec, shown(null, '/proc'), seen)).toEqual([]);
  expect(mountDrift(spec, shown('44', '/'), seen)).toEqual([]);
  expect(mountDrift(spec, shown('31', '/'), seen)).toEqual([{ kind: 'mount', field: 'mounts[/run/x]', expected: 'tmpfs', found: 'not mounted' }]);
});

it('sees what lies over a mount, and one that has become read-only; not where contents are swapped, or the host\'s mounts come in', () => {
  const bind = (target: string, propagation: string): ContainerSpec['mounts'][number] => Mount.parse({ type: 'bind', source: '/srv', target, readOnly: false, createHostPath: true, propagation });
  const spec = containerSpec({ mounts: [bind('/own', ''), bind('/shared', 'rslave')], contents: [Grant.parse({ name: 'c', digest: 'd', target: '/etc/c', uid: 0, gid: 0, mode: 0o444 })] });
  const seen: MountsSeen = { root: null, targets: new Map() };
  const before = shown('31', '/own', '/shared', '/etc/c');
  expect(mountDrift(spec, before, seen)).toEqual([]);
  const with_ = (change: Partial<{ readonly id: string; readonly readOnly: boolean }>): MountPoints => ({ root: '31', places: new Map([...before.places].map(([place, mount]) => [place, { ...mount, ...change }])) });
  expect(mountDrift(spec, with_({ id: 'another' }), seen)).toEqual([{ kind: 'mount', field: 'mounts[/own]', expected: 'bind /srv', found: 'another mount over it' }]);
  expect(mountDrift(spec, with_({ readOnly: true }), seen)).toEqual([{ kind: 'mount', field: 'mounts[/own]', expected: 'bind /srv', found: 'read-only' }]);
  expect(mountDrift(spec, before, seen)).toEqual([]);
});
