import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundled, inGuest } from './in-guest.ts';
import type { After, Before } from './service-scenario.ts';

// systemd runs the engine: of one guest, and of the next one that boots from the same disk.
let folder: string;
let before: Before;
let after: After;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-service-'));
  const scenario = await bundled('service-scenario');
  const boot = async <F>(when: string): Promise<F> => {
    const { code, stdout, stderr } = await inGuest(['--systemd', '--disk', join(folder, 'disk'), '--timeout', '400'], process.execPath, scenario, when);
    if (code !== 0) throw new Error(`vm.sh ended with status ${code}:\n${stderr}`);
    return JSON.parse(stdout) as F;
  };
  before = await boot('before');
  after = await boot('after');
}, 900_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OK = { code: 0, stderr: '' };

it('engine enable has systemd run the engine, in the place of one that ran', () => {
  expect(before.ownEngine).toMatchObject({ code: 0 });
  expect(before.enabled).toMatchObject({ ...OK, stdout: 'bayplan.service runs the engine, and starts it with the machine: stacks come back then, and containers are stopped in order where the machine goes down\n' });
  expect(before.service).toEqual({ active: 'active', enabled: 'enabled', failed: '' });
  expect(before.up).toMatchObject({ code: 0 });
});

it('a kernel short of memory ends containers before the engine', () => {
  expect(before.scores).toEqual(['-500', '0', '0']);
});

it('it comes again where it was killed or is restarted, and containers go on', () => {
  expect(before.made.length).toBe(2);
  expect(before.afterKill).toEqual(before.made);
  expect(before.restarted).toMatchObject({ code: 0 });
  expect(before.afterRestart).toEqual(before.made);
});

it('one that a person has stopped is started as the service by whoever needs it', () => {
  expect(before.stopped).toMatchObject({ code: 0, stdout: 'engine stopped; 2 containers go on\n' });
  expect(before.inactive).toBe('inactive');
  expect(before.afterStop).toEqual(before.made);
  expect(before.active).toBe('active');
  expect(before.order).toEqual(['db', 'app']);
});

it('as the machine goes down containers are stopped in order, and with the next boot they come back in order, with nobody there', () => {
  expect(after.status).toBe(0);
  expect(after.order).toEqual(['db', 'app', 'app ended', 'db ended', 'db', 'app']);
  expect(after.plan).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
  expect(after.journal).not.toMatch(/failed|error/i);
});

it('engine disable leaves nothing of it', () => {
  expect(after.stopped).toMatchObject({ code: 0, stdout: 'engine stopped; 2 containers stopped, for the next engine to start\n' });
  expect(after.disabled).toMatchObject({ code: 0 });
  expect(after.left).not.toBe(0);
  expect(after.alone).toMatchObject(OK);
  expect(after.active).toBe('inactive');
});
