import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Operation } from '../../src/state/operation.ts';
import { recordText } from './interrupted.ts';
import { pinned } from './pinned.ts';
import { build, eventually, Machine } from './harness.ts';

// Namespaces of other containers and such that a file pins, clocks of its own, and users for those alone that ask for some, as /proc shows them.
let machine: Machine;
/** A process of this test's in namespaces of its own. */
let donor: ChildProcess;
beforeAll(async () => {
  machine = new Machine();
  donor = spawn('unshare', ['--pid', '--fork', '--kill-child', '--ipc', '--uts', '--net', '--cgroup', '--time', 'sleep', '1000'], { stdio: 'ignore' });
  await machine.open();
  await machine.loadHello();
});
afterAll(async () => {
  donor.kill('SIGKILL');
  await machine.dispose();
});

const service = (keys: string): string => `{image: bayplan/hello, stop_signal: SIGKILL, ${keys.includes('command:') ? '' : 'command: [sleep, "1000"], '}${keys}}`;
const up = async (services: Readonly<Record<string, string>>): Promise<string> => {
  const { ok, message } = await machine.up(`services: {${Object.entries(services).map(([name, keys]) => `${name}: ${service(keys)}`).join(', ')}}`, { removeOrphans: true });
  return ok ? '' : message;
};
const inside = async (script: string, name = 'a'): Promise<string> => (await machine.exec(`demo-${name}-1`, 'sh', '-c', script)).output.trim();
const pid = (name = 'a'): number => machine.engine.container(`demo-${name}-1`).status?.pid ?? 0;
const namespace = (kind: string, process: number | 'self'): string => readlinkSync(`/proc/${process}/ns/${kind}`);

describe('namespaces that a file pins', () => {
  it('of users that are others at the next start: what was written is given to those, by the start after one that failed amid that too', async () => {
    const pin = `${machine.folder}/moving`;
    const core = join(build, 'bayplan-core');
    const pinAt = (range: string): void => { execFileSync(core, ['pin', '--user', pin, '--uids', range, '--gids', range]); };
    const unpin = (): void => {
      execFileSync('umount', [pin]);
      rmSync(pin);
    };
    const start = (): Promise<unknown> => machine.engine.startContainer('demo-a-1');
    pinAt('0:812000:5000');
    try {
      expect(await up({ a: `userns_mode: "ns:${pin}"` })).toBe('');
      expect(await inside('for i in 1 2 3 4 5 6 7 8; do touch /f$i; chown $i:$i /f$i; ln /f$i /link$i; done; chmod 4755 /f3; touch /high; chown 4000 /high')).toBe('');
      const { status } = machine.engine.container('demo-a-1');
      const folder = join(machine.paths.containers, status?.id ?? '');
      const owners = (): readonly number[] => [...Array.from({ length: 8 }, (_, at) => statSync(join(folder, `upper/f${at + 1}`)).uid), statSync(join(folder, 'upper/high')).uid];
      const are = (base: number): readonly number[] => [...Array.from({ length: 8 }, (_, at) => base + at + 1), base + 4000];
      const giving = (): unknown => (JSON.parse(recordText(folder)) as { giving: unknown }).giving;
      await machine.engine.stopContainer('demo-a-1', null, 0);

      unpin();
      pinAt('0:830000:100'); // too few: nothing is begun
      await expect(start()).rejects.toThrow('high: its owner 4000:0 has no mapping in the user namespace');
      expect([owners(), giving()]).toEqual([are(812_000), null]);

      unpin();
      pinAt('0:820000:5000');
      const held = join(folder, 'upper/f5');
      const immutable = spawnSync('chattr', ['+i', held]).status === 0; // it fails there, with some given and some not
      if (immutable) {
        await expect(start()).rejects.toThrow(/Operation not permitted/);
        expect(giving()).toMatchObject({ to: { uids: [{ containerId: 0, hostId: 820_000, size: 5000 }] } });
        execFileSync('chattr', ['-i', held]);
        await machine.close();
        await machine.open();
        unpin();
        pinAt('0:840000:5000'); // and others yet
      }
      await start();
      expect([owners(), giving()]).toEqual([are(immutable ? 840_000 : 820_000), null]);
      expect(await inside('stat -c %u:%g:%a /f3 /link3 /link8 /high')).toBe('3:3:4755\n3:3:4755\n8:8:644\n4000:0:644');
    } finally {
      unpin();
    }
  });

  it('are lived in, each kind', async () => {
    const child = await eventually(() => {
      const found = Number(readFileSync(`/proc/${donor.pid ?? 0}/task/${donor.pid ?? 0}/children`, 'utf8').trim());
      expect(found).toBeGreaterThan(0);
      return found;
    });
    const at = (kind: string): string => `"ns:/proc/${child}/ns/${kind}"`;
    expect(await up({ a: `pid: ${at('pid')}, ipc: ${at('ipc')}, uts: ${at('uts')}, network_mode: ${at('net')}, x-bayplan: {cgroup: ${at('cgroup')}, time: {namespace: ${at('time')}}}` })).toBe('');
    for (const kind of ['pid', 'ipc', 'uts', 'net', 'cgroup', 'time']) expect(namespace(kind, pid()), kind).toBe(namespace(kind, child));
    expect(await inside('hostname')).toBe(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()); // nobody changed it
    expect(await up({ a: 'pid: "ns:/nowhere"' })).toContain('the pid namespace /nowhere does not exist');
    expect(await up({ a: 'ipc: "ns:/proc/self/ns/uts"' })).toContain('/proc/self/ns/uts is no ipc namespace');
  });

  it('of users too, whose files it sees as theirs', async () => {
    const pin = `${machine.folder}/userns`;
    execFileSync(join(build, 'bayplan-core'), ['pin', '--user', pin, '--uids', '0:812000:5000', '--gids', '0:912000:5000']);
    try {
      expect(await up({ a: `userns_mode: "ns:${pin}"`, b: 'userns_mode: "service:a"' })).toBe('');
      for (const name of ['a', 'b']) expect(namespace('user', pid(name)), name).toBe(`user:[${statSync(pin).ino}]`);
      expect(readFileSync(`/proc/${pid()}/gid_map`, 'utf8').trim().split(/\s+/)).toEqual(['0', '912000', '5000']);
      expect(await inside('touch /x && stat -c %u:%g / /x /bin/busybox | sort -u')).toBe('0:0');
    } finally {
      execFileSync('umount', [pin]);
    }
  });
});

describe('namespaces of other services', () => {
  it('of every kind', async () => {
    expect(await up({ a: 'ipc: shareable, hostname: theirs, x-bayplan: {time: {boottime: 1h}}', b: 'pid: "service:a", ipc: "service:a", uts: "service:a", network_mode: "service:a", x-bayplan: {cgroup: "service:a", time: {namespace: "service:a"}}' })).toBe('');
    for (const kind of ['pid', 'ipc', 'uts', 'net', 'cgroup', 'time']) expect(namespace(kind, pid('b')), kind).toBe(namespace(kind, pid('a')));
    expect(await inside('hostname', 'b')).toBe('theirs');
  });

  it('of processes end with their owner, and both are there again after its restart', async () => {
    expect(await up({ a: 'restart: always', b: 'pid: "service:a", restart: always' })).toBe('');
    const [first, second] = [pid('a'), pid('b')];
    process.kill(first, 'SIGKILL');
    await eventually(() => {
      expect([pid('a'), pid('b')].every((one) => one > 0 && one !== first && one !== second)).toBe(true);
      expect(machine.engine.container('demo-b-1').status?.phase).toBe('running');
      expect(namespace('pid', pid('b'))).toBe(namespace('pid', pid('a')));
    });
    expect(await inside('ls -d /proc/1', 'b')).toBe('/proc/1');
    // A person's restart of the one takes the other along, whatever its policy.
    expect(await up({ a: '', b: 'pid: "service:a"' })).toBe('');
    const before = pid('b');
    await machine.engine.operate('demo', Operation.parse({ version: 1, verb: 'restart', services: ['a'] }), () => undefined, new AbortController().signal);
    await eventually(() => {
      expect(pid('b')).not.toBe(before);
      expect(namespace('pid', pid('b'))).toBe(namespace('pid', pid('a')));
    });
  });
});

it('has clocks of its own, in its programs and in what is executed there', async () => {
  expect(await up({ a: 'command: [sh, -c, "cat /proc/uptime; exec sleep 1000"], x-bayplan: {time: {monotonic: 30h, boottime: 100h}}', b: '' })).toBe('');
  const hours = (text: string): number => Math.round(Number(/^\d+/.exec(text)?.[0]) / 3600);
  const host = hours(readFileSync('/proc/uptime', 'utf8'));
  expect(hours(await inside('cat /proc/uptime'))).toBe(host + 100);
  await eventually(async () => expect(hours(await machine.output('demo-a-1'))).toBe(host + 100));
  expect(readFileSync(`/proc/${pid()}/timens_offsets`, 'utf8').replace(/ +/g, ' ')).toBe('monotonic 108000 0\nboottime 360000 0\n');
  expect(namespace('time', pid('b'))).toBe(namespace('time', 'self'));
});

it('users of its own are for those that ask for some', async () => {
  expect(await up({ a: '', b: 'userns_mode: auto', c: 'userns_mode: auto', d: 'network_mode: "service:b"' })).toBe('');
  expect(namespace('user', pid('a'))).toBe(namespace('user', 'self'));
  const starts = ['b', 'c'].map((name) => Number(readFileSync(`/proc/${pid(name)}/uid_map`, 'utf8').trim().split(/\s+/)[1]));
  expect(Math.abs((starts[0] ?? 0) - (starts[1] ?? 0))).toBeGreaterThanOrEqual(65_536);
  expect(starts.every((start) => start >= 0x40000000)).toBe(true);
  expect(namespace('user', pid('d'))).toBe(namespace('user', pid('b')));
  expect(await inside('touch /x && stat -c %u /x', 'd')).toBe('0');
  expect(pinned(machine.paths.userns).has(machine.engine.container('demo-b-1').status?.id.slice(0, 16) ?? '')).toBe(true);
});
