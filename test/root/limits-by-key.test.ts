import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { machineForAll } from './machine-of-tests.ts';

// Each key of a service that limits it: given, changed, taken away again, and what the kernel's own files say each time. (Of version 2: test/vm/limits-scenario.ts.)
const v1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');
/** A disk for rates, and one whose scheduler knows weights. */
const DISKS = readdirSync('/sys/block').filter((name) => existsSync(`/dev/${name}`) && existsSync(`/sys/block/${name}/queue/scheduler`));
const DISK = DISKS[0];
const WEIGHED = DISKS.find((name) => readFileSync(`/sys/block/${name}/queue/scheduler`, 'utf8').includes('[bfq]'));
const number = (disk = ''): string => readFileSync(`/sys/block/${disk}/dev`, 'utf8').trim();
const MIB = 1 << 20;

interface Case {
  /** As a stack file says it, first and then. */
  readonly keys: readonly [first: string, then: string];
  /** `controller/file` → what it says at first, then, and without the key. */
  readonly files: Readonly<Record<string, readonly [first: string, then: string, without: string]>>;
  /** The container stays, also where the key goes. */
  readonly inPlace: boolean;
  /** The files have more than the line that is looked for. */
  readonly among?: boolean;
}

const rate = (key: string, file: string): Case => ({
  keys: [`blkio_config: {device_${key}: [{path: /dev/${DISK ?? ''}, rate: 100000000}]}`, `blkio_config: {device_${key}: [{path: /dev/${DISK ?? ''}, rate: 200000000}]}`],
  files: { [`blkio/blkio.throttle.${file}_device`]: [`${number(DISK)} 100000000`, `${number(DISK)} 200000000`, ''] }, inPlace: true,
});
const UNLIMITED = '9223372036854771712';
const CGROUPS: Readonly<Record<string, Case>> = {
  cpus: { keys: ['cpus: 0.5', 'cpus: 0.75'], files: { 'cpu/cpu.cfs_quota_us': ['50000', '75000', '-1'] }, inPlace: true },
  cpu_shares: { keys: ['cpu_shares: 512', 'cpu_shares: 2048'], files: { 'cpu/cpu.shares': ['512', '2048', '1024'] }, inPlace: true },
  cpu_quota: { keys: ['cpu_quota: 20000', 'cpu_quota: 30000'], files: { 'cpu/cpu.cfs_quota_us': ['20000', '30000', '-1'], 'cpu/cpu.cfs_period_us': ['100000', '100000', '100000'] }, inPlace: true },
  cpu_period: { keys: ['cpu_quota: 20000, cpu_period: 50000', 'cpu_quota: 20000'], files: { 'cpu/cpu.cfs_period_us': ['50000', '100000', '100000'], 'cpu/cpu.cfs_quota_us': ['20000', '20000', '-1'] }, inPlace: true },
  cpuset: { keys: ['cpuset: "0"', 'cpuset: "1"'], files: { 'cpuset/cpuset.cpus': ['0', '1', v1 ? readFileSync('/sys/fs/cgroup/cpuset/cpuset.cpus', 'utf8').trim() : ''] }, inPlace: true },
  cpu_rt_runtime: { keys: ['cpu_rt_runtime: 1000', 'cpu_rt_runtime: 2000'], files: { 'cpu/cpu.rt_runtime_us': ['1000', '2000', '0'] }, inPlace: true },
  cpu_rt_period: { keys: ['cpu_rt_runtime: 1000, cpu_rt_period: 500000', 'cpu_rt_runtime: 1000, cpu_rt_period: 250000'], files: { 'cpu/cpu.rt_period_us': ['500000', '250000', '1000000'], 'cpu/cpu.rt_runtime_us': ['1000', '1000', '0'] }, inPlace: true },
  mem_limit: { keys: ['mem_limit: 64m', 'mem_limit: 96m'], files: { 'memory/memory.limit_in_bytes': [String(64 * MIB), String(96 * MIB), UNLIMITED], 'memory/memory.memsw.limit_in_bytes': [String(128 * MIB), String(192 * MIB), UNLIMITED] }, inPlace: true },
  mem_reservation: { keys: ['mem_reservation: 32m', 'mem_reservation: 16m'], files: { 'memory/memory.soft_limit_in_bytes': [String(32 * MIB), String(16 * MIB), UNLIMITED] }, inPlace: true },
  memswap_limit: { keys: ['mem_limit: 64m, memswap_limit: 96m', 'mem_limit: 64m, memswap_limit: 80m'], files: { 'memory/memory.memsw.limit_in_bytes': [String(96 * MIB), String(80 * MIB), UNLIMITED] }, inPlace: true },
  'memswap_limit without end': { keys: ['mem_limit: 64m, memswap_limit: -1', 'mem_limit: 64m'], files: { 'memory/memory.memsw.limit_in_bytes': [UNLIMITED, String(128 * MIB), UNLIMITED] }, inPlace: true },
  mem_swappiness: { keys: ['mem_swappiness: 10', 'mem_swappiness: 0'], files: { 'memory/memory.swappiness': ['10', '0', '60'] }, inPlace: true },
  oom_kill_disable: { keys: ['oom_kill_disable: true', 'oom_kill_disable: false'], files: { 'memory/memory.oom_control': ['oom_kill_disable 1', 'oom_kill_disable 0', 'oom_kill_disable 0'] }, inPlace: true, among: true },
  pids_limit: { keys: ['pids_limit: 30', 'pids_limit: 20'], files: { 'pids/pids.max': ['30', '20', 'max'] }, inPlace: true },
  device_cgroup_rules: { keys: ['device_cgroup_rules: ["c 10:237 rw"]', 'device_cgroup_rules: ["c 10:237 r"]'], files: { 'devices/devices.list': ['c 10:237 rw', 'c 10:237 r', 'c 10:237 rwm'] }, inPlace: false, among: true },
  ...(WEIGHED === undefined ? {} : {
    'blkio_config.weight': { keys: ['blkio_config: {weight: 300}', 'blkio_config: {weight: 200}'], files: { 'blkio/blkio.bfq.weight': ['300', '200', '100'] }, inPlace: true },
    'blkio_config.weight_device': { keys: [`blkio_config: {weight_device: [{path: /dev/${WEIGHED}, weight: 300}]}`, `blkio_config: {weight_device: [{path: /dev/${WEIGHED}, weight: 200}]}`], files: { 'blkio/blkio.bfq.weight_device': [`${number(WEIGHED)} 300`, `${number(WEIGHED)} 200`, ''] }, inPlace: true },
  }),
  ...(DISK === undefined ? {} : {
    'blkio_config.device_read_bps': rate('read_bps', 'read_bps'), 'blkio_config.device_write_bps': rate('write_bps', 'write_bps'),
    'blkio_config.device_read_iops': rate('read_iops', 'read_iops'), 'blkio_config.device_write_iops': rate('write_iops', 'write_iops'),
  }),
};

const machine = machineForAll();

const status = () => machine.engine.container('demo-a-1').status;
async function up(keys: string): Promise<number | undefined> {
  expect(await machine.up(`services: {a: {image: bayplan/hello, init: true, stop_signal: SIGKILL, command: [sleep, "1000"]${keys === '' ? '' : `, ${keys}`}}}`)).toMatchObject({ ok: true, message: '' });
  return status()?.pid;
}

const title = (name: string): string => (v1 ? name : `${name} (skipped: no controllers of cgroup v1)`);
it.runIf(v1).each(Object.entries(CGROUPS))(title('%s'), async (_key, { keys: [first, then], files, inPlace, among }) => {
  const look = (at: number): void => {
    for (const [file, said] of Object.entries(files)) {
      const [controller = '', name = ''] = file.split('/');
      const path = join('/sys/fs/cgroup', controller, machine.paths.cgroup, status()?.id.slice(0, 16) ?? '', name);
      const found = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
      if (among === true) expect(at === 2 && file.endsWith('.list') ? [] : found.split('\n')).toEqual(at === 2 && file.endsWith('.list') ? [] : expect.arrayContaining([said[at]]));
      else expect(found.split('\n').filter((line) => !line.startsWith('default')).join('\n'), `${file} with ${['the first', 'the second', 'no'][at] ?? ''} value`).toBe(said[at]);
    }
  };
  const before = await up(first);
  look(0);
  const after = await up(then);
  look(1);
  expect(after === before).toBe(inPlace);
  const without = await up('');
  look(2);
  expect(without === after).toBe(inPlace);
});
