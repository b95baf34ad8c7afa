import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KernelError } from '../../src/runtime/kernel.ts';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';

const library = new URL('../../build/libbayplan.so', import.meta.url).pathname;
const kernel = loadKernel(library);
const SH = '/bin/sh';
let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-kernel-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // it has been closed meanwhile
  }
};

describe('spawnDetached', () => {
  test('gives the child the named descriptors, a session of its own, default signals, and nothing else', async () => {
    const [read, write] = kernel.pipe();
    const extra = openSync('/dev/null', 'r');
    const script = '{ ls /proc/self/fd; grep SigIgn /proc/self/status; env; test "$(cut -d" " -f6 /proc/$$/stat)" = $$ && echo leader; } >&5';
    await kernel.spawnDetached(SH, ['sh', '-c', script], ['A=1', 'PATH=/bin:/usr/bin'], new Map([[5, write]]));
    closeSync(write);
    closeSync(extra);
    let text = '';
    const buffer = Buffer.alloc(4096);
    for (;;) {
      const got = readSync(read, buffer);
      if (got === 0) break;
      text += buffer.toString('utf8', 0, got);
    }
    closeSync(read);
    const lines = text.trim().split('\n');
    expect(lines.slice(0, lines.indexOf('3') + 2)).toEqual(['0', '1', '2', '3', '5']);
    expect(lines).toContain('SigIgn:\t0000000000000000');
    expect(lines).toContain('A=1');
    expect(lines).toContain('leader');
    expect(text).not.toContain('HOME=');
  });

  test('rejects where the program is not there', async () => {
    await expect(kernel.spawnDetached('/no/such', ['x'], [], new Map())).rejects.toMatchObject({ syscall: 'posix_spawn', code: 'ENOENT', path: '/no/such' });
  });

  test('a thousand at once', async () => {
    const before = performance.now();
    await Promise.all(Array.from({ length: 1000 }, () => kernel.spawnDetached('/bin/true', ['true'], [], new Map())));
    expect(performance.now() - before).toBeLessThan(30_000);
  });
});

test('a lock is held by one descriptor at a time', () => {
  const path = join(folder, 'lock');
  const fd = kernel.lock(path);
  expect(fd).not.toBeNull();
  expect(kernel.lock(path)).toBeNull();
  if (fd !== null) kernel.close(fd);
  const again = kernel.lock(path);
  expect(again).not.toBeNull();
  if (again !== null) kernel.close(again);
});

test('a namespace is pinned, has loopback up, and leaves nothing', async () => {
  kernel.privateMount(folder);
  kernel.privateMount(folder);
  const path = join(folder, 'ns');
  await kernel.createNetns(path);
  await expect(kernel.createNetns(path)).rejects.toMatchObject({ code: 'EEXIST' });
  const inside = execFileSync('nsenter', [`--net=${path}`, 'cat', '/proc/net/fib_trie', '/proc/sys/net/ipv4/ip_unprivileged_port_start'], { encoding: 'utf8' });
  expect(inside).toContain('127.0.0.1');
  expect(inside.trim().endsWith('0')).toBe(true);
  await kernel.removeNetns(path);
  await kernel.removeNetns(path);
  expect(existsSync(path)).toBe(false);
  kernel.detachMount(folder);
  kernel.detachMount(folder);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
});

test('the next namespace is made ahead, for a container without IPv6, and goes when it is forgotten', async () => {
  kernel.privateMount(folder);
  const make = async (name: string, ipv6: boolean): Promise<number> => {
    const netns = openSync('/dev/null', 'r');
    await kernel.connectNetns(join(folder, name), -1, false, netns, ipv6, { births: [], ports: [], rest: [] }, []);
    closeSync(netns);
    return statSync(join(folder, name)).ino;
  };
  /** Inodes of network namespaces that this process has open, but for its own. */
  const open = (): readonly number[] => readdirSync('/proc/self/fd').flatMap((fd) => {
    const [, inode] = /^net:\[(\d+)\]$/.exec(linkOf(`/proc/self/fd/${fd}`)) ?? [];
    return inode === undefined || Number(inode) === statSync('/proc/self/ns/net').ino ? [] : [Number(inode)];
  });
  const within = (name: string, ...command: string[]): string => execFileSync('nsenter', [`--net=${join(folder, name)}`, ...command], { encoding: 'utf8' });
  try {
    kernel.forgetSpareNetns();
    await make('first', false);
    await expect.poll(open).toHaveLength(1);
    const [spare = 0] = open();
    expect(await make('six', true)).not.toBe(spare);
    expect(within('six', 'cat', '/proc/sys/net/ipv6/conf/default/disable_ipv6').trim()).toBe('0');
    expect(await make('second', false)).toBe(spare);
    expect(within('second', 'cat', '/proc/net/fib_trie')).toContain('127.0.0.1');
    expect(within('second', 'cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start', '/proc/sys/net/ipv6/conf/default/disable_ipv6').split('\n')).toEqual(['0', '1', '']);
    await expect.poll(open).toHaveLength(1);
    expect(open()).not.toContain(spare);
    expect(await make('third', false)).not.toBe(spare);
    kernel.forgetSpareNetns();
    expect(open()).toEqual([]);
  } finally {
    for (const name of ['first', 'six', 'second', 'third']) await kernel.removeNetns(join(folder, name));
    kernel.detachMount(folder);
  }
});

test('pins lie in a mount namespace of their own, which who comes later finds again', async () => {
  kernel.privateMount(folder);
  const place = join(folder, 'pins');
  const first = kernel.openPins(folder, place);
  const again = kernel.openPins(folder, place);
  const path = `/proc/self/fd/${again.root}/ns`;
  await kernel.createNetns(path, first.mounts);
  await expect(kernel.createNetns(path, again.mounts)).rejects.toMatchObject({ code: 'EEXIST' });
  expect(readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(folder))).toHaveLength(2); // the folder, and the place
  expect(execFileSync('nsenter', [`--net=/proc/${process.pid}/fd/${again.root}/ns`, 'cat', '/proc/net/fib_trie'], { encoding: 'utf8' })).toContain('127.0.0.1');
  expect(execFileSync('unshare', ['-m', 'cat', '/proc/self/mountinfo'], { encoding: 'utf8' })).not.toContain(place);
  await kernel.removeNetns(path, again.mounts);
  await kernel.removeNetns(path, again.mounts);
  expect(readdirSync(`/proc/self/fd/${first.root}`)).toEqual([]);
  for (const fd of [first.mounts, first.root, again.mounts, again.root]) kernel.close(fd);
  kernel.detachMount(folder);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
});

// Namespaces have ids from a supply of each processor's own, and one whose id is the lower could not be pinned.
test('pins can be had in any mount namespace, on whatever processors it and they were made', () => {
  const script = `const [library, folder] = process.argv.slice(1);
    const open = require('koffi').load(library).func('int lib_pins_open(const char *, const char *, _Out_ int *, _Out_ int *, void *)');
    const error = Buffer.alloc(4096);
    if (open(folder, folder + '/pins', [-1], [-1], error) < 0) throw new Error(error.toString('latin1').replace(/[^ -~]+/g, ' '));
    console.log(require('fs').readFileSync('/proc/self/mountinfo', 'utf8').includes(folder + '/pins'));`;
  const processors = cpus().map((_, index) => String(index)).slice(0, 4);
  for (const one of processors) {
    for (const other of processors) {
      expect(execFileSync('taskset', ['-c', one, 'unshare', '--mount', 'taskset', '-c', other, process.execPath, '-e', script, library, folder], { encoding: 'utf8', cwd: import.meta.dirname })).toBe('true\n');
    }
  }
});

test('nft errors carry the words of libnftables', () => {
  expect(() => kernel.nft('delete table inet bayplan-not-there')).toThrowError(expect.objectContaining({ syscall: 'nft', code: 'ENOENT' }));
  expect(() => kernel.nft('nonsense')).toThrowError(/syntax error/);
  expect(JSON.parse(kernel.nft('list tables', true))).toHaveProperty('nftables');
});

test('a reserved port is taken for others, and for us', () => {
  const { fd, port } = kernel.reservePort('tcp', '127.0.0.1', 0);
  expect(() => kernel.reservePort('tcp', '127.0.0.1', port)).toThrowError(expect.objectContaining({ code: 'EADDRINUSE' }));
  kernel.close(fd);
  const udp = kernel.reservePort('udp', '0.0.0.0', 0);
  expect(() => kernel.reservePort('udp', '127.0.0.1', udp.port)).toThrow(KernelError);
  kernel.close(udp.fd);
});

test('netlink in a namespace: answers by message, with the words of the kernel', async () => {
  const path = join(folder, 'ns');
  await kernel.createNetns(path);
  try {
    const { linkDump, linkUp } = await import('../../src/runtime/network/rtnetlink.ts');
    const [dump, bad, again] = await kernel.netlink(path, [linkDump(), linkUp(4711), linkDump()]);
    expect(dump?.payloads.length).toBeGreaterThan(0);
    expect(bad?.errno).toBe(19);
    expect(again?.payloads.length).toBe(dump?.payloads.length);
  } finally {
    await kernel.removeNetns(path);
  }
  writeFileSync(path, '');
  await expect(kernel.netlink(path, [Buffer.alloc(32)])).rejects.toMatchObject({ syscall: 'setns' });
});
