import { beforeAll, describe, expect, it } from 'vitest';
import { factsFromGuest, GUEST_SECONDS } from './in-guest.ts';
import type { Facts } from './scenario.ts';

let facts: Facts;
// One boot for all: scenario.ts does everything, the tests look at what it saw.
beforeAll(async () => {
  facts = await factsFromGuest('scenario');
}, (GUEST_SECONDS + 60) * 1000);

it('is the kernel and the cgroups of a stock Debian', () => {
  expect([facts.kernel, facts.cgroups]).toEqual([expect.stringMatching(/^6\.1\..*-amd64$/), 'cgroup2']);
  expect(facts.load).toMatchObject({ code: 0, stdout: 'Loaded image: bayplan/hello:latest\n', stderr: '' });
});

describe('examples/hello', () => {
  it('comes up healthy, and then there is nothing to do', () => {
    expect(facts.hello.up).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('wait-container hello-greeter-1 healthy') as string });
    expect(facts.hello.again).toMatchObject({ code: 0, stdout: 'nothing to do\n', stderr: '' });
  });

  it('answers on its published port, to the machine itself and to a neighbour, whose address it sees', () => {
    expect(facts.hello.local).toMatch(/^200 Hello from bayplan\nserved by [0-9a-f]{12}/);
    expect(facts.hello.neighbour.stdout).toMatch(/^HTTP\/1\.\d 200 OK\r\n.*Hello from bayplan\nserved by [0-9a-f]{12}/s);
    expect(facts.hello.missing.stdout).toMatch(/^HTTP\/1\.\d 404 /);
    expect(facts.hello.logs).toMatchObject({ code: 0, stdout: expect.stringMatching(/198\.51\.100\.2\]?:\d+: response:404/) as string });
  });

  it('resolves the name of a service', () => {
    expect(facts.hello.greeter).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect(facts.hello.lookup).toMatchObject({ code: 0, stdout: expect.stringContaining(`Address: ${facts.hello.greeter}\n`) as string });
  });

  it('is counted, frozen, copied from, and lets itself be killed, by cgroup v2', () => {
    const { stats, paused, frozen, refused, state, copied, unpaused, thawed, answers, killed, started } = facts.paused;
    const counted = JSON.parse(stats.stdout) as { readonly MemUsage: string; readonly PIDs: string; readonly NetIO: string };
    expect(counted.MemUsage).toMatch(/^[\d.]+[KM]iB \/ [\d.]+[MG]iB$/);
    expect(Number(counted.PIDs)).toBeGreaterThan(0);
    expect(counted.NetIO).not.toMatch(/^0B/);
    expect([paused.code, unpaused.code, killed.code, started.code]).toEqual([0, 0, 0, 0]);
    expect([frozen, thawed]).toEqual([expect.stringContaining('frozen 1'), expect.stringContaining('frozen 0')]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('is paused') as string });
    expect(JSON.parse(state.stdout)).toMatchObject({ State: 'paused' });
    expect(copied.stdout).toContain('#!/bin/sh');
    expect(answers).toMatch(/^200 Hello from bayplan/);
  });

  it('goes on without its engine, and the next one adopts it', () => {
    const { pidBefore, meanwhile, ps, pidAfter } = facts.engineKilled;
    expect(meanwhile).toMatch(/^200 Hello from bayplan\n/);
    expect([ps.code, pidBefore > 0, pidAfter]).toEqual([0, true, pidBefore]);
    expect(ps.stdout.trim().split('\n').map((line) => JSON.parse(line))).toMatchObject([{ Name: 'hello-greeter-1', State: 'running' }, { Name: 'hello-hello-1', State: 'running' }]);
  });
});

describe('cgroup v2', () => {
  it('holds the limits', () => {
    expect(facts.limits.up.code).toBe(0);
    expect(facts.limits.values).toEqual({ memory: String(64 * 1024 * 1024), swap: String(64 * 1024 * 1024), cpu: '50000 100000', pids: '20' });
  });

  it('holds each of them that a service can name', () => {
    expect(facts.limits.whole.files).toEqual({
      'memory.max': String(64 << 20), 'memory.low': String(32 << 20), 'memory.swap.max': String(32 << 20), 'cpu.weight': '20', 'cpu.max': '20000 50000', 'cpuset.cpus': '0',
      'io.max': '7:0 rbps=1048576 wbps=max riops=max wiops=100',
    });
    expect(facts.limits.whole.limits).toMatch(/^Max open files\s+100\s+200/m);
    expect(facts.limits.whole.oomScoreAdj).toBe('-300');
    expect(facts.limits.whole.devices).toMatchObject({ stdout: expect.stringMatching(/^read\n77\n/) as string, stderr: expect.stringContaining("can't create /serial: Operation not permitted") as string });
  });

  it('gives devices and privileges as they are asked for, and shares namespaces', () => {
    const { open, disk } = facts.limits.confined;
    expect(open.stdout).toMatch(/^CapEff:\s+000001ffffffffff\nSeccomp:\s+0\nmounted\ndevice\nusable\n\/sys\/fs\/cgroup\/bayplan\n$/);
    expect(disk.stdout).toMatch(/^NoNewPrivs:\s+1\nSeccomp:\s+0\nreadable\nsh: can't create \/dev\/disk: Operation not permitted\nshared\n$/);
  });

  it('tells that a child was killed for want of memory while its container goes on', () => {
    expect(facts.limits.confined.hog.stdout).toBe('137\n');
    expect(facts.limits.confined.killed.State).toMatchObject({ Status: 'running', OOMKilled: true });
  });

  it('has the container and what is executed in it in one cgroup, which is read-only inside', () => {
    expect(facts.limits.memberOf).toMatch(/^0::\/bayplan\/[0-9a-f]{16}$/);
    expect(facts.limits.inside).toMatchObject({ code: 1, stdout: `0::/\n${64 * 1024 * 1024}\n`, stderr: expect.stringContaining('Read-only file system') as string });
    expect(facts.limits.exitCode).toBe(7);
  });

  it('refuses devices of the machine, and gives those that every container has', () => {
    const refused = "sh: can't open /serial: Operation not permitted\nsh: can't create /serial: Operation not permitted\n";
    expect(facts.limits.devices).toMatchObject({ code: 0, stdout: '1\nnull\n', stderr: refused });
  });

  it('ends forks at the limit', () => {
    expect(facts.limits.forks.stderr).toContain("can't fork");
    expect(facts.limits.forksRefused).toBeGreaterThan(0);
  });

  it('records an end by the memory limit', () => {
    expect(facts.limits.hog.State).toMatchObject({ Status: 'exited', OOMKilled: true, ExitCode: 137 });
  });
});

it('leaves no link, mount, cgroup, rule, namespace, process or file of a stack after `down`', () => {
  expect(facts.down.commands.map(({ code, stderr }) => ({ code, stderr }))).toEqual([{ code: 0, stderr: '' }, { code: 0, stderr: '' }]);
  expect(facts.down.left).toEqual([]);
  expect(facts.down.stop.code).toBe(0);
  expect(facts.down.cgroupLeft).toBe(false);
  expect(facts.down.engineLog).toBe('');
});
