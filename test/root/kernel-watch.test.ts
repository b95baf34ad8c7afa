import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadKernel } from '../../src/runtime/kernel.ts';
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
