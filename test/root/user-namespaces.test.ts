import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserNamespaces } from '../../src/runtime/container/user-namespaces.ts';
import { loadKernel } from '../../src/runtime/loaded-kernel.ts';
import { build } from './harness.ts';
import { pinned } from './pinned.ts';

const kernel = loadKernel(join(build, 'libbayplan.so'));
let folder = '';
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-users-')); });
afterEach(() => {
  for (const users of opened.splice(0)) users.close();
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
  rmSync(folder, { recursive: true });
});

const opened: UserNamespaces[] = [];
const open = (): UserNamespaces => {
  const users = new UserNamespaces(kernel, join(build, 'bayplan-core'), join(folder, 'userns'));
  opened.push(users);
  return users;
};
const mapped = (hostId: number, containerId = 0) => ({ uids: [{ containerId, hostId, size: 100 }], gids: [{ containerId: 0, hostId, size: 100 }] });
const names = (): readonly string[] => [...pinned(join(folder, 'userns')).keys()].sort();

test('who waited for another that failed has one of its own', async () => {
  const users = open();
  const begun = await Promise.allSettled([users.enter('home', 'first', mapped(812_000, 0xffff_fff0)), users.enter('home', 'second', mapped(812_000))]);
  expect(begun.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(await users.read(begun[1]?.status === 'fulfilled' ? begun[1].value : '')).toEqual(mapped(812_000));
  await users.leave('second');
});

test('who comes while the last one leaves has one too', async () => {
  const users = open();
  await users.enter('home', 'first', mapped(812_000));
  const [, path] = await Promise.all([users.leave('first'), users.enter('home', 'second', mapped(813_000))]);
  expect(await users.read(path)).toEqual(mapped(813_000));
  await users.leave('second');
});

test('what is kept for containers of whom nothing is known stays when all others have gone', async () => {
  await open().enter('kept', 'kept', mapped(812_000));
  const next = open();
  await next.restore(new Map(), ['kept']);
  await next.enter('other', 'other', mapped(813_000));
  expect(names()).toEqual(['kept', 'other']);
  await next.leave('other');
  expect(names()).toEqual(['kept']);
  await next.leave('kept');
});

/** Network namespaces that this process has a descriptor of. */
const held = (): readonly string[] => readdirSync('/proc/self/fd').flatMap((fd) => {
  try {
    const found = readlinkSync(`/proc/self/fd/${fd}`);
    return found.startsWith('net:') ? [found] : [];
  } catch {
    return []; // the listing's own
  }
});

test('a network namespace that was made along is taken once, and the next ones are made there; one that nobody takes goes', async () => {
  const users = open();
  const path = await users.enter('home', 'first', mapped(812_000), true);
  const [made] = held();
  const pins = ['one', 'two'].map((name) => join(folder, name));
  for (const pin of pins) await users.networksOf(path)({ path: pin, mounts: -1 });
  expect(held()).toEqual([]);
  const found = pins.map((pin) => `net:[${statSync(pin).ino}]`);
  for (const pin of pins) await kernel.removeNetns(pin);
  expect([found[0], found[1] === made, new Set([...found, readlinkSync('/proc/self/ns/net')]).size]).toEqual([made, false, 3]);
  await users.leave('first');
  await users.enter('home', 'second', mapped(812_000), true);
  expect(held()).toHaveLength(1);
  await users.leave('second');
  expect(held()).toEqual([]);
});
