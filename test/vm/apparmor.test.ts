import { beforeAll, describe, expect, it } from 'vitest';
import { factsFromGuest, GUEST_SECONDS } from './in-guest.ts';
import type { Facts } from './apparmor-scenario.ts';

let facts: Facts;
beforeAll(async () => {
  facts = await factsFromGuest('apparmor-scenario');
}, (GUEST_SECONDS + 60) * 1000);

describe('on a kernel with AppArmor', () => {
  it('the default profile is loaded when it is needed', () => {
    expect(facts.enabled).toBe('Y');
    expect(facts.up).toMatchObject({ code: 0, stderr: '' });
    expect(facts.profiles).toContain('bayplan-default (enforce)');
  });

  it.each(['default', 'init'])('confines the program and what is executed beside it, also one with SYS_ADMIN and without a filter (%s)', (name) => {
    expect(facts.services[name]).toEqual({ inspected: 'bayplan-default', program: 'bayplan-default (enforce)', executed: 'bayplan-default (enforce)', mounts: '', forbidden: 'written', core: '' });
  });

  it('a profile of one\'s own takes its place', () => {
    expect(facts.services.own).toMatchObject({ inspected: 'test-own', program: 'test-own (enforce)', executed: 'test-own (enforce)', mounts: 'mounted', forbidden: '' });
  });

  it.each(['unconfined', 'privileged'])('none confines who asks for that (%s)', (name) => {
    expect(facts.services[name]).toMatchObject({ inspected: 'unconfined', program: 'unconfined', executed: 'unconfined', mounts: 'mounted', forbidden: 'written' });
  });

  it('one that is not loaded is named', () => {
    expect(facts.missing.code).toBe(1);
    expect(facts.missing.stdout + facts.missing.stderr).toContain('the AppArmor profile no-such-profile is not loaded');
  });

  it('the default profile is loaded again where somebody took it out', () => expect(facts.again).toEqual([false, 0, true]));

  it('all of it ends', () => expect([facts.down.code, facts.stop.code]).toEqual([0, 0]));
});
