import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';
import { linkGet } from '../../src/runtime/network/rtnetlink.ts';
import { Nursery } from '../../src/runtime/nursery.ts';
import { build, eventually } from './harness.ts';

// Programs of the core are forked from one that waits for that, and killing it costs nothing but its replacement.
const kernel = loadKernel(join(build, 'libbayplan.so'));
let folder = '';
let nursery: Nursery;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-nursery-'));
  copyFileSync(join(build, 'bayplan-core'), join(folder, 'bayplan-core'));
  nursery = new Nursery(kernel, join(folder, 'bayplan-core'));
});
afterEach(() => {
  nursery.close();
  rmSync(folder, { recursive: true });
});

/** Processes of this test's copy of the program, by their words. */
function running(): readonly { readonly pid: number; readonly words: string }[] {
  const { ino, dev } = statSync(join(folder, 'bayplan-core'));
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const exe = statSync(`/proc/${name}/exe`);
      return exe.ino === ino && exe.dev === dev ? [{ pid: Number(name), words: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0').join(' ').trim() }] : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** What a command writes to its descriptor `number` until it has closed it. */
async function said(argv: readonly string[], number: number, others: readonly (readonly [number, number])[] = []): Promise<string> {
  const [ours, theirs] = kernel.socketPair();
  await nursery.start(['bayplan-core', ...argv], new Map([...others, [number, theirs]])).finally(() => kernel.close(theirs));
  const socket = new Socket({ fd: ours }).setEncoding('utf8');
  let text = '';
  for await (const part of socket) text += String(part);
  return text;
}

const identity = (): Promise<string> => said(['identity', '--root', folder], 1);
const IDENTITY = '{"version":1,"uid":0,"gid":0,"gids":[0],"home":"/"}\n';

test('commands run in sessions of their own with the descriptors that they are given, under their own words, and go on after it', async () => {
  const [ours, theirs] = kernel.socketPair();
  const listener = kernel.reservePort('tcp', '127.0.0.1', 0);
  await nursery.start(['bayplan-core', 'carry', '--socket', join(folder, 'socket'), '--listen-fd', '70', '--control-fd', '3'], new Map([[3, theirs], [70, listener.fd]]));
  for (const fd of [theirs, listener.fd]) kernel.close(fd);
  const control = new Socket({ fd: ours }).setEncoding('utf8');
  expect(await new Promise((resolve) => control.once('data', resolve))).toBe('{"version":1,"ready":true}\n');
  const carrier = running().find(({ words }) => words.includes('carry'));
  expect(carrier?.words).toBe(`bayplan-core carry --socket ${join(folder, 'socket')} --listen-fd 70 --control-fd 3`);
  const pid = carrier?.pid ?? 0;
  expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[5]).toBe(String(pid));
  const [, ignored = ''] = /^SigIgn:\t([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  expect(BigInt(`0x${ignored}`) & (1n << BigInt(constants.signals.SIGCHLD - 1))).toBe(0n); // which the nursery ignores
  expect(readdirSync(`/proc/${pid}/fd`).filter((fd) => ['0', '1', '2', '3', '70'].includes(fd)).length).toBe(5);

  nursery.close();
  await eventually(() => expect(running().map(({ words }) => words.split(' ')[1])).toEqual(['carry']));
  control.write('{"version":1,"op":"end"}\n');
  await eventually(() => expect(running()).toEqual([]));
  control.destroy();
});

test('one that was killed is replaced, whatever is asked of it at once', async () => {
  expect(await identity()).toBe(IDENTITY);
  for (const { pid } of running()) process.kill(pid, 'SIGKILL');
  await eventually(() => expect(running()).toEqual([]));
  expect(await Promise.all(Array.from({ length: 20 }, identity))).toEqual(Array.from({ length: 20 }, () => IDENTITY));
  expect(running().map(({ words }) => words)).toEqual(['bayplan-core nursery']);
});

test('a thousand at once are all started', async () => {
  const all = await Promise.all(Array.from({ length: 1000 }, identity));
  expect(all.filter((text) => text !== IDENTITY)).toEqual([]);
});

test('one that stands still holds up nothing but what is asked of it', async () => {
  expect(await identity()).toBe(IDENTITY);
  const [{ pid } = { pid: 0 }] = running();
  process.kill(pid, 'SIGSTOP');
  let asked = 0;
  const all = Promise.all(Array.from({ length: 1000 }, async () => {
    await nursery.start(['bayplan-core', 'identity', '--root', folder], new Map());
    asked++;
  }));
  try {
    expect((await kernel.netlink(null, [linkGet('lo')])).length).toBe(1);
    expect(asked).toBeLessThan(1000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await all;
  await eventually(() => expect(running().map((one) => one.pid)).toEqual([pid]));
});

test('what it does not know, and what is too long, is told', async () => {
  expect(await said(['nonsense'], 1)).toBe('');
  await expect(said(['identity', 'x'.repeat(200_000)], 1)).rejects.toMatchObject({ syscall: 'sendmsg', code: 'E2BIG' });
  await expect(new Nursery(kernel, join(folder, 'none')).start(['bayplan-core', 'identity'], new Map())).rejects.toMatchObject({ syscall: 'posix_spawn', code: 'ENOENT' });
  expect(await identity()).toBe(IDENTITY);
});

test('what cannot be forked is told to whoever waits for it; one that has gone ends nobody', async () => {
  expect(await identity()).toBe(IDENTITY);
  const [{ pid } = { pid: 0 }] = running();
  const hierarchy = existsSync('/sys/fs/cgroup/pids') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup';
  const cgroup = join(hierarchy, `bayplan-nursery-${process.pid}`);
  mkdirSync(cgroup);
  try {
    writeFileSync(join(cgroup, 'cgroup.procs'), String(pid));
    writeFileSync(join(cgroup, 'pids.max'), '1');
    const [ours, theirs] = kernel.socketPair();
    kernel.close(ours);
    await nursery.start(['bayplan-core', 'identity', '--root', folder], new Map([[1, theirs]])).finally(() => kernel.close(theirs));
    expect(JSON.parse(await said(['identity', '--root', folder], 1))).toMatchObject({ syscall: 'fork', errno: constants.errno.EAGAIN });
    const [input, inputEnd] = kernel.pipe();
    expect(JSON.parse(await said(['identity', '--root', folder], 2, [[0, input]]))).toMatchObject({ syscall: 'fork', errno: constants.errno.EAGAIN });
    for (const fd of [input, inputEnd]) kernel.close(fd);
    writeFileSync(join(cgroup, 'pids.max'), 'max');
    expect(await identity()).toBe(IDENTITY);
    expect(running().map((one) => one.pid)).toEqual([pid]);
  } finally {
    nursery.close();
    await eventually(() => rmdirSync(cgroup));
  }
});
