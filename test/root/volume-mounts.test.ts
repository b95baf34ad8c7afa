import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { mountsBelow } from '../../src/runtime/volume/mount-table.ts';
import { eventually, type Machine } from './harness.ts';
import { machineForEach } from './machine-of-tests.ts';

let machine: Machine;
machineForEach((made) => {
  machine = made;
});

const stack = (options: string, services = 1): string => `
services:
${Array.from({ length: services }, (_, index) => `  app${index + 1}:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    network_mode: none
    volumes: ["data:/data"]`).join('\n')}
volumes:
  data:
    driver_opts: ${options}
`;

const data = (): string => machine.engine.volumes.mountpoint('demo_data');
const mounted = (): readonly string[] => mountsBelow(data());

describe('a volume with driver_opts', () => {
  it('is mounted once for all, seen on the host, and unmounted after the last of them', async () => {
    expect(await machine.up(stack('{ type: tmpfs, device: tmpfs, o: "size=1m,mode=0750" }', 2))).toMatchObject({ ok: true });
    expect(mounted()).toEqual([data()]);
    await machine.exec('demo-app1-1', 'sh', '-c', 'echo shared > /data/file');
    expect((await machine.exec('demo-app2-1', 'cat', '/data/file')).output).toBe('shared\n');
    expect(readFileSync(join(data(), 'file'), 'utf8')).toBe('shared\n');
    expect(execFileSync('stat', ['-f', '-c', '%T %b', data()], { encoding: 'utf8' })).toBe('tmpfs 256\n');

    await machine.engine.stopContainer('demo-app1-1', null, 0);
    expect(mounted()).toEqual([data()]);
    await machine.engine.stopContainer('demo-app2-1', null, 0);
    expect(mounted()).toEqual([]);
    await machine.engine.startContainer('demo-app1-1');
    expect(mounted()).toEqual([data()]);
  });

  it('binds a folder of the host, read-only where asked', async () => {
    const folder = join(machine.folder, 'own');
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), 'mine');
    expect(await machine.up(stack(`{ type: none, device: ${folder}, o: "bind,ro" }`))).toMatchObject({ ok: true });
    expect((await machine.exec('demo-app1-1', 'cat', '/data/file')).output).toBe('mine');
    expect((await machine.exec('demo-app1-1', 'touch', '/data/other')).output).toContain('Read-only file system');
    expect((await machine.down({ volumes: true, stopTimeoutSeconds: 0 })).ok).toBe(true);
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('mounts a file through a loop device, which goes with it', async () => {
    const image = join(machine.folder, 'disk');
    writeFileSync(image, '');
    truncateSync(image, 16 * 1024 * 1024);
    execFileSync('/sbin/mkfs.ext4', ['-q', image]);
    expect(await machine.up(stack(`{ type: ext4, device: ${image}, o: loop }`))).toMatchObject({ ok: true });
    await machine.exec('demo-app1-1', 'sh', '-c', 'echo kept > /data/file');
    await machine.down({ stopTimeoutSeconds: 0 });
    expect(execFileSync('/sbin/losetup', ['-j', image], { encoding: 'utf8' })).toBe('');
    await machine.up(stack(`{ type: ext4, device: ${image}, o: loop }`));
    expect((await machine.exec('demo-app1-1', 'cat', '/data/file')).output).toBe('kept\n');
  });

  it('is found again by the next engine, in use or not', async () => {
    const text = stack('{ type: tmpfs, device: tmpfs }', 2);
    await machine.up(text);
    const pids = ['demo-app1-1', 'demo-app2-1'].map((name) => machine.engine.container(name).status?.pid ?? 0);
    await machine.close();
    await machine.open();
    expect([mounted(), (await machine.up(text)).done]).toEqual([[data()], []]);
    await machine.close();
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await eventually(() => expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]));
    await machine.open();
    await eventually(() => expect(mounted()).toEqual([])); // a shim may be ending still
  });

  it('keeps what it was made with, and the plan says what the file wants instead', async () => {
    await machine.up(stack('{ type: tmpfs, device: tmpfs, o: size=1m }'));
    const changed = machine.request(stack('{ type: tmpfs, device: tmpfs, o: size=2m }'));
    const { plan } = await machine.engine.planStack('demo', changed);
    expect(plan.steps).toEqual([]);
    expect(plan.notes).toEqual(['volume demo_data keeps what it was made with (driverOpts.o: "size=1m" → "size=2m"): remove it to have it made anew']);
    expect((await machine.up(stack('{ type: tmpfs, device: tmpfs, o: size=2m }'))).ok).toBe(true);
    expect(execFileSync('stat', ['-f', '-c', '%b', data()], { encoding: 'utf8' })).toBe('256\n');
  });

  it('is not removed while it is mounted, whoever mounted it', async () => {
    await machine.up(stack('{ type: tmpfs, device: tmpfs }'));
    await expect(machine.engine.volumes.remove('demo_data')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('volume demo_data is mounted at') });
    expect(existsSync(data())).toBe(true);
  });

  it('says what cannot be mounted, and leaves nothing', async () => {
    const wrong = await machine.up(stack('{ type: nofs, device: /dev/null }'));
    expect(wrong.message).toBe('start-container demo-app1-1: volume demo_data: /dev/null (type nofs, options none) cannot be mounted: this kernel has no file system "nofs"; check type, device and o of its driver_opts');
    await machine.down({ volumes: true });
    const missing = await machine.up(stack('{ type: none, device: /nowhere/at/all, o: bind }'));
    expect(missing.message).toContain('/nowhere/at/all (type none, options bind) cannot be mounted: No such file or directory');
    expect(mounted()).toEqual([]);
  });
});

describe('what an image has at its place', () => {
  const folder = (): string => join(machine.folder, 'own');
  const bind = (more = ''): string => `{ type: none, device: ${folder()}, o: "bind${more}" }`;
  const at = (target: string, options = bind(), nocopy = false): string => stack(options).replace('"data:/data"', `{ type: volume, source: data, target: ${target}, volume: { nocopy: ${nocopy} } }`);
  beforeEach(() => mkdirSync(folder()));

  it('is copied where the mount is empty, which is unmounted then', async () => {
    expect(await machine.up(at('/etc'))).toMatchObject({ ok: true });
    expect(readdirSync(folder())).toContain('passwd');
    await machine.engine.stopContainer('demo-app1-1', null, 0);
    expect(mounted()).toEqual([]);
  });

  it.each<[string, () => string, readonly string[]]>([
    ['where it holds something', () => at('/etc'), ['mine']], ['with nocopy', () => at('/etc', bind(), true), []], ['where the image has nothing', () => at('/nothing/there'), []],
  ])('is not copied %s', async (_, text, left) => {
    for (const name of left) writeFileSync(join(folder(), name), '');
    expect(await machine.up(text())).toMatchObject({ ok: true });
    expect(readdirSync(folder()).filter((name) => !['hosts', 'hostname', 'resolv.conf', 'mtab'].includes(name))).toEqual(left);
  });

  it('that cannot be copied fails the making of the container in one line, and leaves no mount', async () => {
    const { ok, message } = await machine.up(at('/etc', bind(',ro')));
    expect([ok, message]).toEqual([false, expect.stringMatching(/^create-container demo-app1-1: volume demo_data: the image's content of \/etc cannot be copied into it: .*Read-only file system; give the mount nocopy to leave it as it is$/)]);
    expect([machine.engine.containers.list().size, mounted()]).toEqual([0, []]);
  });
});
