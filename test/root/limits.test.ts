import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { machineForAll } from './machine-of-tests.ts';

// What containers are limited to, as the kernel's own files show it. (Of version 2 alone: test/vm.)
const machine = machineForAll();

const SERVICE = 'image: bayplan/hello, init: true, stop_signal: SIGKILL, command: [sleep, "1000"]';
const DISK = readFileSync('/proc/partitions', 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).find(([major, minor]) => major === '254' && minor === '0')?.[3];
const v1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');

async function up(keys: string): Promise<string> {
  const { ok, message } = await machine.up(`services: {a: {${SERVICE}, ${keys}}}`);
  return ok ? '' : message;
}
const status = () => machine.engine.container('demo-a-1').status;
const file = (controller: string, name: string): string => readFileSync(join('/sys/fs/cgroup', controller, machine.paths.cgroup, status()?.id.slice(0, 16) ?? '', name), 'utf8').trim();
const proc = (name: string): string => readFileSync(`/proc/${status()?.pid ?? 0}/${name}`, 'utf8');
const inside = async (script: string): Promise<string> => (await machine.exec('demo-a-1', 'sh', '-c', script)).output.trim();

describe.runIf(v1)('in the cgroups of version 1', () => {
  it('memory, its reservation, swap, swappiness and the OOM killer', async () => {
    expect(await up('mem_limit: 64m, mem_reservation: 32m, memswap_limit: 96m, mem_swappiness: 10, oom_kill_disable: true')).toBe('');
    expect(file('memory', 'memory.limit_in_bytes')).toBe(String(64 << 20));
    expect(file('memory', 'memory.soft_limit_in_bytes')).toBe(String(32 << 20));
    expect(file('memory', 'memory.memsw.limit_in_bytes')).toBe(String(96 << 20));
    expect(file('memory', 'memory.swappiness')).toBe('10');
    expect(file('memory', 'memory.oom_control')).toContain('oom_kill_disable 1');
  });

  it('processors: shares, quota, period, real time, and which', async () => {
    expect(await up('cpu_shares: 512, cpu_quota: 20000, cpu_period: 50000, cpuset: "0", cpu_rt_runtime: 1000, cpu_rt_period: 500000')).toBe('');
    expect(['cpu.shares', 'cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.rt_runtime_us', 'cpu.rt_period_us'].map((name) => file('cpu', name))).toEqual(['512', '20000', '50000', '1000', '500000']);
    expect(file('cpuset', 'cpuset.cpus')).toBe('0');
    expect(proc('status')).toMatch(/^Cpus_allowed_list:\s+0$/m);
  });

  it.runIf(DISK !== undefined)('disks: weight and rates', async () => {
    const rates = ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map((name, index) => `device_${name}: [{path: /dev/${DISK ?? ''}, rate: ${(index + 1) * 1e8}}]`);
    expect(await up(`blkio_config: {weight: 300, ${rates.join(', ')}}`)).toBe('');
    expect(file('blkio', 'blkio.bfq.weight')).toBe('300');
    expect(['read_bps', 'write_bps', 'read_iops', 'write_iops'].map((name) => file('blkio', `blkio.throttle.${name}_device`))).toEqual(['254:0 100000000', '254:0 200000000', '254:0 300000000', '254:0 400000000']);
  });

  it('devices by rule', async () => {
    expect(await up('device_cgroup_rules: ["c 10:237 rw", "b 7:* r"]')).toBe('');
    expect(file('devices', 'devices.list').split('\n')).toEqual(expect.arrayContaining(['c 10:237 rw', 'b 7:* r', 'c 1:3 rwm']));
    expect(await inside('mknod /a c 4 64; (: < /a) 2>&1')).toContain('not permitted');
  });

  it('says which limit has no disk', async () => {
    expect(await up('blkio_config: {device_read_bps: [{path: /dev/null, rate: 1}]}')).toContain('blkio_config: /dev/null is no block device of this machine');
  });
});

describe('of the process', () => {
  it('ulimits, of what is executed later too', async () => {
    expect(await up('ulimits: {nofile: {soft: 100, hard: 200}, core: 0, nproc: 300}')).toBe('');
    expect(proc('limits')).toMatch(/^Max open files\s+100\s+200/m);
    expect(proc('limits')).toMatch(/^Max processes\s+300\s+300/m);
    expect(await inside('ulimit -n; ulimit -Hn')).toBe('100\n200');
  });

  it.runIf(!mayRaise())('says that a limit cannot be raised above the engine\'s own', async () => {
    expect(await up('ulimits: {nofile: 999999999}')).toContain('RLIMIT_NOFILE cannot be set to 999999999:999999999: the engine itself may not raise it above its own hard limit (CAP_SYS_RESOURCE, fs.nr_open)');
  });

  it('says that a limit of processes leaves room for the init alone', async () => {
    expect(await up('pids_limit: 1')).toContain("the container's program cannot be forked: its limit of processes leaves room for none beside its init");
  });

  it('oom_score_adj, and what becomes of one that cannot be given', async () => {
    expect(await up('oom_score_adj: 300')).toBe('');
    expect(proc('oom_score_adj')).toBe('300\n');
    expect(await up('oom_score_adj: -300')).toBe('');
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
    expect(proc('oom_score_adj')).toBe(mayRaise() ? '-300\n' : `${own}\n`);
    const { plan: { notes } } = await machine.engine.planStack('demo', machine.request(`services: {a: {${SERVICE}, oom_score_adj: -300}}`));
    expect(notes.filter((note) => note.startsWith('service '))).toEqual(mayRaise() ? [] : [`service a: oom_score_adj -300 cannot be given without CAP_SYS_RESOURCE, it gets ${own}`]);
  });

  it('kernel parameters and shared memory of its own', async () => {
    const host = readFileSync('/proc/sys/net/core/somaxconn', 'utf8');
    expect(await up('sysctls: {net.core.somaxconn: 77, kernel.shmmni: 99}, shm_size: 3m')).toBe('');
    expect(await inside('cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmni; grep /dev/shm /proc/mounts')).toMatch(/^77\n99\n.*size=3072k/s);
    expect(readFileSync('/proc/sys/net/core/somaxconn', 'utf8')).toBe(host);
  });
});

it('tells at once that a child was killed for want of memory, and that its container goes on', async () => {
  expect(await up('mem_limit: 32m, memswap_limit: 32m')).toBe('');
  const said: string[] = [];
  const off = machine.engine.containers.onEvent((event, name) => said.push(`${event} ${name}`));
  expect((await machine.exec('demo-a-1', 'sh', '-c', 'tail -c 100000000 /dev/zero; echo $?')).output).toContain('137');
  await eventually(() => expect(said).toContain('oom demo-a-1'));
  off();
  expect(status()).toMatchObject({ phase: 'running', oomKilled: true });
});

it('a change of each shows in the plan by its name', async () => {
  expect(await up('mem_limit: 64m')).toBe('');
  const whys = async (keys: string): Promise<string> => (await machine.engine.planStack('demo', machine.request(`services: {a: {${SERVICE}, ${keys}}}`))).plan.steps[0]?.why ?? '';
  expect(await whys('mem_limit: 65m')).toBe('in place: resources.memory: 67108864 → 68157440');
  expect(await whys('mem_limit: 64m, cpu_shares: 9')).toBe('in place: resources.cpuShares: null → 9');
  expect(await whys('mem_limit: 64m, blkio_config: {device_read_bps: [{path: /dev/x, rate: 1}]}')).toBe('in place: resources.blockIo.readBps[/dev/x]: absent → 1');
  expect(await whys('mem_limit: 64m, ulimits: {nofile: 9}')).toBe('ulimits.nofile: absent → {"soft":9,"hard":9}');
  expect(await whys('mem_limit: 64m, sysctls: {kernel.shmmni: 9}')).toBe('sysctls.kernel.shmmni: absent → "9"');
  expect(await whys('mem_limit: 64m, shm_size: 1k')).toBe('shmSize: null → 1024');
  expect(await whys('mem_limit: 64m, oom_score_adj: 1')).toBe('oomScoreAdj: 0 → 1');
  expect(await whys('mem_limit: 64m, device_cgroup_rules: ["c 1:1 r"]')).toBe('deviceCgroupRules: [] → ["c 1:1 r"]');
});

function mayRaise(): boolean {
  const effective = /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${effective}`) >> 24n & 1n) === 1n;
}
