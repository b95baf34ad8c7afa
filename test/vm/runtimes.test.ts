import { beforeAll, describe, expect, it } from 'vitest';
import { factsFromGuest, GUEST_SECONDS } from './in-guest.ts';
import type { Facts } from './runtimes-scenario.ts';

let facts: Facts;
beforeAll(async () => {
  facts = await factsFromGuest('runtimes-scenario');
}, (GUEST_SECONDS + 60) * 1000);

it('a stack of both comes up', () => {
  expect(facts.up).toMatchObject({ code: 0, stderr: '' });
});

describe.each(['crun', 'runc'])('a service with `runtime: %s`', (name) => {
  it('runs in its hands, healthy, in the cgroup that the engine knows, within its limits', () => {
    expect(facts.seen[name]).toMatchObject({ runtime: name, state: { status: 'running', pid: true }, cgroup: true, healthy: 'healthy', limits: [String(64 << 20), '0', '50000 100000', '30'] });
  });

  it('is confined by the profile that inspect names', () => {
    expect(facts.seen[name]?.apparmor).toEqual(['bayplan-default', 'bayplan-default (enforce)']);
  });

  it('runs commands in it, with its contents, and refuses it the machine\'s devices', () => {
    expect(facts.seen[name]?.executed).toMatchObject({ code: 7, stdout: 'given 440\n1\n', stderr: expect.stringContaining('Operation not permitted') as string });
  });

  it('is counted, frozen, and seen to run out of memory', () => {
    const { memory_stats: memory, pids_stats: pids } = facts.seen[name]?.stats ?? { memory_stats: { usage: 0, limit: 0 }, pids_stats: { current: 0 } };
    expect([memory.limit, memory.usage > 0, pids.current > 0]).toEqual([64 << 20, true, true]);
    expect(facts.seen[name]?.paused).toEqual(['', '1', '', '0']);
    expect(facts.seen[name]?.oom).toMatchObject({ OOMKilled: true, Status: 'running' });
  });

  it('goes on without its engine, is told to stop by the next one, and what it says then is kept', () => {
    expect(facts.adopted).toEqual([true, true]);
    expect(facts.stopped[name]).toMatchObject({ ended: { code: 0, stderr: '' }, exitCode: 5, logs: 'began\ntold\n' });
  });
});

it('nothing is left of it: no record, mount, cgroup, process', () => {
  expect(facts.again).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
  expect(facts.down).toMatchObject({ code: 0, stderr: '' });
  expect([facts.left, facts.records, facts.mounts, facts.stop.code]).toEqual([[], [], [], 0]);
});
