import { beforeAll, expect, it } from 'vitest';
import { factsFromGuest, GUEST_SECONDS } from './in-guest.ts';
import type { Facts } from './limits-scenario.ts';

let facts: Facts;
beforeAll(async () => {
  facts = await factsFromGuest('limits-scenario');
}, (GUEST_SECONDS + 60) * 1000);

const MIB = 1 << 20;
const io = (factor: number): string => `7:0 rbps=${factor * 1_000_000} wbps=${factor * 2_000_000} riops=${factor * 3_000_000} wiops=${factor * 4_000_000}`;
const look = (at: string, name: 'a' | 'b'): Readonly<Record<string, string>> => facts.seen[at]?.[name].files ?? {};

it('each key of a service is held', () => {
  expect(facts.seen['first']?.up).toMatchObject({ code: 0, stderr: '' });
  expect(look('first', 'a')).toEqual({
    'memory.max': String(64 * MIB), 'memory.low': String(32 * MIB), 'memory.swap.max': String(32 * MIB), 'cpu.weight': '20', 'cpu.max': '20000 50000', 'cpuset.cpus': '0', 'pids.max': '30',
    'io.max': io(1), 'io.weight': 'default 2930\n7:0 4950',
  });
  expect(look('first', 'b')).toMatchObject({ 'memory.swap.max': 'max', 'cpu.max': '50000 100000' });
});

it('each is changed while the container runs', () => {
  expect(facts.seen['then']?.up).toMatchObject({ code: 0, stderr: '' });
  expect(look('then', 'a')).toEqual({
    'memory.max': String(96 * MIB), 'memory.low': String(16 * MIB), 'memory.swap.max': String(32 * MIB), 'cpu.weight': '79', 'cpu.max': '20000 100000', 'cpuset.cpus': '1', 'pids.max': '20',
    'io.max': io(2), 'io.weight': 'default 1920\n7:0 1920',
  });
  expect(look('then', 'b')).toMatchObject({ 'memory.max': String(96 * MIB), 'memory.swap.max': String(96 * MIB), 'cpu.max': '75000 100000' });
});

it('each is taken away again', () => {
  expect(facts.seen['without']?.up).toMatchObject({ code: 0, stderr: '' });
  expect(look('without', 'a')).toEqual({ 'memory.max': 'max', 'memory.low': '0', 'memory.swap.max': 'max', 'cpu.weight': '100', 'cpu.max': 'max 100000', 'cpuset.cpus': expect.stringMatching(/^(0-1)?$/) as string, 'pids.max': 'max', 'io.max': '', 'io.weight': 'default 100' });
  expect(look('without', 'b')).toMatchObject({ 'memory.max': 'max', 'memory.swap.max': 'max', 'cpu.max': 'max 100000' });
  for (const name of ['a', 'b'] as const) expect(new Set(Object.values(facts.seen).map((seen) => seen[name].pid)).size, name).toBe(1);
});

it('what version 2 does not have is told, and refused where the container would run without it', () => {
  expect(facts.left.stdout + facts.left.stderr).toMatch(/service a: mem_swappiness is ignored: cgroup v2 has none/);
  expect(facts.left.stdout + facts.left.stderr).toMatch(/service a: oom_kill_disable is ignored: cgroup v2 has none/);
  expect([facts.realtime.code, facts.realtime.stdout + facts.realtime.stderr]).toEqual([1, expect.stringContaining('the share of real time cannot be held: cgroup v2 has none; drop cpu_rt_runtime')]);
  expect([facts.swapAlone.code, facts.swapAlone.stdout + facts.swapAlone.stderr]).toEqual([1, expect.stringContaining('memswap_limit')]);
});

it('`update` leaves what it does not name, and refuses what is below use', () => {
  const { started, changes, deleted } = facts.updates;
  expect([started, deleted]).toMatchObject([{ code: 0, stderr: '' }, { code: 0, stderr: '' }]);
  const memory = String(96 * MIB);
  expect(changes).toEqual([
    { code: 0, stderr: '', files: [memory, String(32 * MIB), '10000 50000'] },
    { code: 0, stderr: '', files: [memory, String(32 * MIB), '10000 100000'] },
    { code: 0, stderr: '', files: [memory, String(16 * MIB), '10000 100000'] },
    { code: 1, stderr: 'error: memory and swap cannot be limited together without a limit of memory: cgroup v2 counts swap alone\n', files: [memory, String(16 * MIB), '10000 100000'] },
    { code: 1, stderr: expect.stringMatching(/^error: memory cannot be limited to 8388608 bytes: \d+ are in use\n$/) as string, files: [memory, String(16 * MIB), '10000 100000'] },
  ]);
});

it('all of it ends', () => expect([facts.down, facts.stop]).toEqual([[0, 0, 0], 0]));
