import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Machine } from './harness.ts';
import { testWherePresent, v1Missing } from '../where-present.ts';

let machine: Machine;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(`
services:
  plain:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    hostname: plain
    mem_limit: 64m
    cpus: 0.5
    pids_limit: 50
    tmpfs: ["/scratch:size=1m"]
  tight:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    read_only: true
    user: "1000:1000"
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE]
    working_dir: /made/for/it
`)).toMatchObject({ ok: true });
});
afterAll(() => machine.dispose());

const sh = (name: string, script: string): Promise<{ code: number; output: string }> => machine.exec(`demo-${name}-1`, 'sh', '-c', script);
const cgroup = (name: string, controller: string, file: string): string => {
  const id = machine.engine.container(`demo-${name}-1`).status?.id.slice(0, 16) ?? '';
  const v1 = join('/sys/fs/cgroup', controller, machine.paths.cgroup, id, file);
  return readFileSync(v1, 'utf8').trim();
};

describe('what a container sees', () => {
  it('has namespaces of its own', () => {
    const pid = machine.engine.container('demo-plain-1').status?.pid ?? 0;
    for (const kind of ['pid', 'net', 'ipc', 'mnt', 'uts', 'cgroup']) {
      expect(statSync(`/proc/${pid}/ns/${kind}`).ino, kind).not.toBe(statSync(`/proc/self/ns/${kind}`).ino);
    }
  });

  it('shares its root with nobody on the host', async () => {
    await sh('plain', 'echo inside > /file');
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(machine.paths.containers);
  });

  it('has the capabilities and the seccomp filter that Docker gives', async () => {
    const { output } = await sh('plain', 'grep -E "Cap(Eff|Bnd)|Seccomp:" /proc/self/status');
    expect(output).toMatch(/CapEff:\s+00000000a80425fb/);
    expect(output).toMatch(/CapBnd:\s+00000000a80425fb/);
    expect(output).toMatch(/Seccomp:\s+2/);
    expect((await sh('plain', 'mount -t tmpfs x /mnt 2>&1; unshare -m true 2>&1')).output).toMatch(/not permitted|denied/);
  });

  it('keeps only the capabilities that are added', async () => {
    expect((await sh('tight', 'grep CapBnd /proc/self/status; id -u; pwd; touch /x 2>&1')).output).toMatch(/CapBnd:\s+0000000000000400\n1000\n\/made\/for\/it\ntouch: \/x: Read-only file system/);
  });

  it('cannot read or write what is masked or read-only', async () => {
    expect((await sh('plain', 'cat /proc/kcore 2>&- | head -c1 | wc -c; ls /sys/firmware | wc -l; echo 1 > /proc/sys/kernel/panic')).output).toMatch(/^0\n0\n.*(Read-only|nonexistent)/s);
  });

  it('has /dev as Docker makes it, and no device of the host', async () => {
    const { output } = await sh('plain', 'ls /dev');
    expect(output.split('\n').filter(Boolean).sort()).toEqual(['console', 'core', 'fd', 'full', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero'].filter((name) => output.includes(name)));
    expect((await sh('plain', 'mknod /dev/vda b 254 0 && head -c1 /dev/vda')).code).not.toBe(0);
  });

  it('has its own name, hosts and tmpfs', async () => {
    const { output } = await sh('plain', 'hostname; grep plain /etc/hosts; grep /scratch /proc/mounts');
    expect(output).toMatch(/^plain\n[0-9.]+\s+plain\ntmpfs \/scratch tmpfs .*size=1024k/);
  });

  it('has no descriptor that it was not given', async () => {
    const pid = machine.engine.container('demo-plain-1').status?.pid ?? 0;
    expect(readdirSync(`/proc/${pid}/fd`).sort()).toEqual(['0', '1', '2']);
  });
});

describe('limits', () => {
  testWherePresent([v1Missing('memory')], 'stand in the cgroups of version 1', () => {
    expect(cgroup('plain', 'memory', 'memory.limit_in_bytes')).toBe(String(64 * 1024 * 1024));
    expect(Number(cgroup('plain', 'cpu', 'cpu.cfs_quota_us')) / Number(cgroup('plain', 'cpu', 'cpu.cfs_period_us'))).toBe(0.5);
    expect(cgroup('plain', 'pids', 'pids.max')).toBe('50');
  });

  it('record an end by the memory limit', async () => {
    await machine.up('services: {hog: {image: bayplan/hello, mem_limit: 16m, command: ["sh", "-c", "x=$$(head -c 100000000 /dev/zero | tr \'\\\\0\' x)"]}}', { name: 'hog' });
    await eventually(() => expect(machine.engine.container('hog-hog-1').status).toMatchObject({ phase: 'exited', oomKilled: true, exitCode: 137 }));
  });
});

it('exec gives back the exit code, and 127 for what is not there', async () => {
  expect((await sh('plain', 'exit 7')).code).toBe(7);
  expect((await machine.exec('demo-plain-1', 'no-such-thing')).code).toBe(127);
  expect((await sh('plain', 'kill -9 $$')).code).toBe(137);
});

describe('restart policies', () => {
  it('start a container again with growing delays, and count', async () => {
    await machine.up('services: {again: {image: bayplan/hello, restart: "on-failure:2", command: ["sh", "-c", "echo run; exit 4"]}}', { name: 'again' });
    await eventually(() => expect(machine.engine.container('again-again-1').status).toMatchObject({ phase: 'exited', restarts: 2, restartAt: 0, exitCode: 4 }));
    expect(await machine.output('again-again-1')).toBe('run\nrun\nrun\n');
  });

  it('leave a container alone that was stopped by hand', async () => {
    await machine.up('services: {held: {image: bayplan/hello, restart: always, stop_signal: SIGKILL, command: [sleep, "1000"]}}', { name: 'held' });
    await machine.engine.stopContainer('held-held-1', null, 1000);
    expect(machine.engine.container('held-held-1').status).toMatchObject({ phase: 'exited', held: true, restartAt: 0 });
    await machine.up('services: {held: {image: bayplan/hello, restart: always, stop_signal: SIGKILL, command: [sleep, "1000"]}}', { name: 'held' });
    expect(machine.engine.container('held-held-1').status).toMatchObject({ phase: 'running', held: false });
  });
});
