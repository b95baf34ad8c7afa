import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';
import { KernelWatch, type Watched } from '../../src/runtime/kernel-watch.ts';
import { build, eventually } from './harness.ts';

// What is watched is watched again where the thread that hears the kernel has come to its end.
const kernel = loadKernel(join(build, 'libbayplan.so'));
let folder = '';
let watch: KernelWatch;
let ends: number[];
let told: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-watch-'));
  ends = [];
  told = [];
  const open = kernel.watch.bind(kernel);
  vi.spyOn(kernel, 'watch').mockImplementation(() => {
    const end = open();
    ends.push(end);
    return end;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  watch.close();
  rmSync(folder, { recursive: true });
});

const begin = (): void => {
  watch = new KernelWatch(kernel);
  watch.onLost({ lost: (why) => told.push(`lost: ${why}`), again: () => told.push('again') });
};
const add = (watched: Watched): (() => void) => watch.add(watched, () => told.push(watched.kind), (why) => told.push(`failed: ${why}`));
/** Removes folders until it is told of one. */
const isHeard = async (): Promise<void> => {
  told = [];
  await isTold();
};
const isTold = async (): Promise<void> => {
  await eventually(() => {
    mkdirSync(join(folder, 'one'));
    rmdirSync(join(folder, 'one'));
    expect(told).toContain('entries');
  });
};

test('after a line that it does not take, with the reason', async () => {
  begin();
  const cancel = add({ kind: 'entries', of: folder });
  await isHeard();
  writeSync(ends[0] ?? -1, 'x'.repeat(5000));
  await eventually(() => expect(told.slice(-2)).toEqual(['lost: a line: Message too long', 'again']));
  await isHeard();
  cancel();
});

test('after it could not come back from a namespace, without the engine ending, and with waits while it cannot be opened', async () => {
  const homes = (): readonly number[] => readdirSync('/proc/self/fd').map(Number).filter((fd) => existsSync(`/proc/self/fd/${fd}`) && readlinkSync(`/proc/self/fd/${fd}`).startsWith('net:'));
  const before = homes();
  begin();
  add({ kind: 'entries', of: folder });
  await isHeard();
  const home = homes().find((fd) => !before.includes(fd)) ?? -1;
  closeSync(home);
  const taken = Array.from({ length: 20 }, () => openSync('/dev/null', 'r')); // something else has its number
  expect(taken).toContain(home);
  for (const fd of taken) if (fd !== home) closeSync(fd); // that one the thread will close
  vi.mocked(kernel.watch).mockImplementationOnce(() => { throw new Error('no descriptors'); });
  const other = spawn('unshare', ['--net', 'sleep', '100'], { stdio: 'ignore' });
  try {
    const net = `/proc/${other.pid}/ns/net`;
    await eventually(() => expect(readlinkSync(net)).not.toBe(readlinkSync('/proc/self/ns/net')));
    add({ kind: 'links', of: net });
    await eventually(() => expect(told.slice(-3)).toEqual(['lost: setns: Invalid argument', 'lost: no descriptors', 'again']));
    expect(told.filter((line) => line.startsWith('failed'))).toEqual([]);
    await isHeard();
    told = [];
    execFileSync('nsenter', [`--net=${net}`, 'ip', 'link', 'set', 'lo', 'up']);
    await eventually(() => expect(told).toContain('links'));
  } finally {
    other.kill('SIGKILL');
  }
});

describe('of what says nothing it does not hear', () => {
  const holders: ChildProcess[] = [];
  const namespace = async (): Promise<number> => {
    const holder = spawn('unshare', ['--net', 'sleep', '100'], { stdio: 'ignore' });
    holders.push(holder);
    await eventually(() => expect(readlinkSync(`/proc/${holder.pid}/ns/net`)).not.toBe(readlinkSync('/proc/self/ns/net')));
    return holder.pid ?? -1;
  };
  const inside = (pid: number, command: string): string => execFileSync('nsenter', ['-t', String(pid), '-n', ...command.split(' ')], { encoding: 'utf8' }).trim();
  afterEach(() => { for (const holder of holders.splice(0)) holder.kill('SIGKILL'); });

  test('a carrier that comes and goes', async () => {
    const [here, there] = [await namespace(), await namespace()];
    inside(here, `ip link add va type veth peer name vb netns ${there}`);
    inside(here, 'ip addr add 192.0.2.1/24 dev va');
    inside(here, 'sysctl -qw net.ipv6.conf.va.disable_ipv6=1');
    inside(here, 'ip link set va up');
    begin();
    const cancel = add({ kind: 'links', of: `/proc/${here}/ns/net` });
    add({ kind: 'entries', of: folder });
    await isHeard();
    const carrier = async (state: 'up' | 'down'): Promise<void> => {
      inside(there, `ip link set vb ${state}`);
      await eventually(() => expect(inside(here, 'ip -br link show va')).toContain(state === 'up' ? 'LOWER_UP' : 'NO-CARRIER'));
    };
    await carrier('up');
    await isHeard(); // the list of links has been read by now
    told = [];
    await carrier('down');
    await carrier('up');
    await isTold();
    expect(told).not.toContain('links');
    for (const change of ['ip link set va mtu 1400', 'ip link set va down', 'ip link set va name vc', 'ip link set vc address 02:00:00:00:00:01', 'ip link del vc']) {
      told = [];
      inside(here, change);
      await eventually(() => expect(told, change).toContain('links'));
    }
    cancel();
  });

  test("links of this host that are others'", async () => {
    const [own, other] = ['a', 'b'].map((letter) => `w${letter}${process.pid % 100_000}`);
    const ip = (command: string): string => execFileSync('ip', command.split(' '), { encoding: 'utf8' });
    ip(`link add ${own}x type veth peer name ${own}y`);
    try {
      begin();
      const cancel = add({ kind: 'links', of: `-${own}` });
      add({ kind: 'entries', of: folder });
      await isHeard(); // the list of links has been asked for by now
      told = [];
      for (const change of [`link add ${other}x type veth peer name ${other}y`, `addr add 192.0.2.9/32 dev ${other}x`, `link set ${other}x up`, `link set ${other}x mtu 1400`, `link del ${other}x`]) ip(change);
      await isTold();
      expect(told).not.toContain('links');
      for (const change of [`addr add 192.0.2.9/32 dev ${own}x`, `link set ${own}x up`, `link set ${own}x name ${other}x`, `link set ${other}x mtu 1400`, `addr flush dev ${other}x`, `link del ${other}x`, `link add ${own}x type veth peer name ${own}y`]) {
        told = [];
        ip(change);
        await eventually(() => expect(told, change).toContain('links'));
        await isHeard();
      }
      cancel();
    } finally {
      for (const name of [`${own}x`, `${other}x`]) if (existsSync(`/sys/class/net/${name}`)) ip(`link del ${name}`);
    }
  });

  // In a network namespace of its own: others change rules beside this test.
  test("elements of others' sets, and other engines' tables", () => {
    const steps = ['list tables', 'add table inet other', 'add set inet other banned { type ipv4_addr; }', 'add element inet other banned { 192.0.2.1 }', 'add chain inet other forward { type filter hook forward priority 0; }',
      'add table inet own { set ports { type inet_service; }; }', 'add element inet own ports { 80 }', 'add table inet bayplan-other'];
    const output = execFileSync('unshare', ['--net', process.execPath, join(import.meta.dirname, 'rules-heard.mjs'), join(build, 'libbayplan.so'), folder, ...steps], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual(['', 'others', '', '', 'others', 'own', 'own', '']);
  });
});
