import { beforeAll, expect, it } from 'vitest';
import { factsFromGuest, GUEST_SECONDS } from './in-guest.ts';
import type { Facts } from './users-scenario.ts';

// Users of their own on the stock kernel, which has cgroup v2 alone, idmapped layers below overlay, and none of tmpfs.
let facts: Facts;
beforeAll(async () => {
  facts = await factsFromGuest('users-scenario');
}, (GUEST_SECONDS + 60) * 1000);

it('are high ids of a range of their own, and root\'s in what the container sees', () => {
  const { map, status, owned, outside } = facts.seen;
  expect(facts.up.code).toBe(0);
  expect(map).toEqual(['0', expect.stringMatching(/^1\d{9}$/), '65536']);
  expect(status).toMatch(new RegExp(`^Uid:\\s+${map[1] ?? ''}\\s`, 'm'));
  expect(owned).toMatchObject({ code: 0, stdout: '0\n7\n1000\nsaid' });
  expect(outside).toBe(0);
});

it('own their network, settings, devices and limits', () => {
  expect(facts.seen.network).toMatchObject({ code: 0, stdout: '77\n1\n1\n' });
  expect(facts.seen.device).toMatchObject({ code: 0, stdout: '2\n0\n' });
  expect(facts.seen.limit.stdout).toMatch(/open files\s+100\s+1048576/);
  expect(facts.seen.copied).toBe(0);
});

it('go with the namespaces that are shared', () => {
  expect(facts.seen.shared[1]).toEqual(facts.seen.shared[0]);
});

it('have clocks of their own where that is asked for', () => {
  const [host = 0, other = 0] = facts.seen.clocks;
  expect(Math.round((other - host) / 3600)).toBe(100);
});

it('are refused in one line where a file system has no such view', () => {
  expect(facts.onTmpfs.code).toBe(1);
  expect(facts.onTmpfs.stdout + facts.onTmpfs.stderr).toContain('/tmp cannot be idmapped: its file system, or one mounted below it, has no support for that, or this kernel (for /there); run it with the host\'s users (userns_mode: host)');
});

it('are what the core says that it can do', () => {
  expect(facts.features).toMatchObject({ linux: { namespaces: expect.arrayContaining(['user', 'time']) as string[], mountExtensions: { idmap: { enabled: true } } } });
});

it('leave nothing', () => {
  expect([facts.down.code, facts.left]).toEqual([0, []]);
});
