import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Resources } from '../../src/state/resources.ts';
import { resources } from '../spec-values.ts';
import { eventually, Machine } from './harness.ts';
import { describeWherePresent, v1Missing } from '../where-present.ts';

// Limits and policies of a container that runs, changed in place: its process stays, and the kernel's files say the new.
let machine: Machine;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  expect(await machine.up('services: {a: {image: bayplan/hello, init: true, stop_signal: SIGKILL, command: [sleep, "1000"], mem_limit: 64m, cpus: 0.5, pids_limit: 20}}')).toMatchObject({ ok: true });
});
afterAll(() => machine.dispose());

const NAME = 'demo-a-1';
const container = () => machine.engine.container(NAME);
const limit = async (change: Partial<Resources>): Promise<void> => machine.engine.updateContainer(NAME, { resources: resources(change) });
const file = (controller: string, name: string): string => readFileSync(join('/sys/fs/cgroup', controller, machine.paths.cgroup, container().status?.id.slice(0, 16) ?? '', name), 'utf8').trim();
const memory = (): string[] => ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'].map((name) => file('memory', name));
const MIB = 1024 * 1024;

describeWherePresent([v1Missing('memory')], 'limits', () => {
  it('change up, down and away, while the process stays', async () => {
    const pid = container().status?.pid;
    await limit({ memory: 128 * MIB, cpus: 2, pids: 40 });
    expect([...memory(), file('cpu', 'cpu.cfs_quota_us'), file('pids', 'pids.max')]).toEqual([String(128 * MIB), String(256 * MIB), '200000', '40']);
    await limit({ memory: 32 * MIB, memorySwap: 40 * MIB, cpuQuota: 10_000, cpuPeriod: 20_000, cpuShares: 512 });
    expect([...memory(), file('cpu', 'cpu.cfs_quota_us'), file('cpu', 'cpu.cfs_period_us'), file('cpu', 'cpu.shares'), file('pids', 'pids.max')]).toEqual([String(32 * MIB), String(40 * MIB), '10000', '20000', '512', 'max']);
    await limit({});
    expect(Number(memory()[0])).toBeGreaterThan(2 ** 60);
    expect([file('cpu', 'cpu.cfs_quota_us'), file('cpu', 'cpu.shares')]).toEqual(['-1', '1024']);
    expect(container()).toMatchObject({ status: { pid }, spec: { resources: resources() } });
  });

  it('below what is in use are refused, and change nothing', async () => {
    await limit({ memory: 64 * MIB, pids: 20 });
    const holder = await machine.engine.containers.exec(NAME, { command: ['sh', '-c', 'x=$(head -c 20000000 /dev/zero | tr "\\0" x); sleep 1000; echo'], environment: [], user: '', workingDir: '', tty: false });
    await eventually(() => expect(Number(file('memory', 'memory.usage_in_bytes'))).toBeGreaterThan(16 * MIB));
    await expect(limit({ memory: 8 * MIB, pids: 30 })).rejects.toThrow(/container demo-a-1: write \d+ to .*memory.*: Device or resource busy \(more than that is in use\)/);
    expect([...memory(), file('pids', 'pids.max')]).toEqual([String(64 * MIB), String(128 * MIB), '20']);
    expect(container().spec.resources).toEqual(resources({ memory: 64 * MIB, pids: 20 }));
    holder.kill();
    await holder.exit;
  });

  it('that contradict each other are refused', async () => {
    await expect(limit({ cpus: 1, cpuQuota: 5 })).rejects.toThrow('cpus and cpu_quota or cpu_period say the same in two ways');
  });
});

it('a restart policy counts from its change on, also for the next engine', async () => {
  await machine.engine.updateContainer(NAME, { restart: { policy: 'on-failure', maxRetries: 1, delayMs: null, windowMs: null } });
  await machine.close();
  await machine.open();
  expect(container().spec.restart).toMatchObject({ policy: 'on-failure', maxRetries: 1 });
  const pid = container().status?.pid;
  await machine.engine.containers.signal(NAME, 'SIGKILL');
  await eventually(() => expect(container().status).toMatchObject({ phase: 'running', restarts: 1 }));
  expect(container().status?.pid).not.toBe(pid);
});
