import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bayplan, eventually, type Machine, program } from './harness.ts';
import { interrupted, runningContainers, startTimeOf } from './interrupted.ts';
import { leftovers, processes } from './leftovers.ts';
import { machineForEach } from './machine-of-tests.ts';

let machine: Machine;
machineForEach((made) => {
  machine = made;
});

const status = (name: string) => machine.engine.container(name).status;

/** Kills an engine that has just brought this up; containers wait for the file /in/go. */
async function upAndKilled(services: string): Promise<() => void> {
  mkdirSync(join(machine.folder, 'in'));
  const request = machine.request(services);
  await machine.close();
  const cut = await interrupted(machine, request, { atEvent: Number.POSITIVE_INFINITY });
  expect(cut.events.at(-1)).toMatchObject({ type: 'end', ok: true });
  return () => writeFileSync(join(machine.folder, 'in/go'), '');
}

it('what is left of one container and cannot be taken away keeps neither the engine from opening nor is it forgotten', async () => {
  await machine.up('services:\n  one: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, scale: 2 }\n');
  await machine.engine.stopContainer('demo-one-1', null, 0);
  const own = join(machine.paths.bundles, status('demo-one-1')?.id.slice(0, 16) ?? '', 'rootfs');
  mkdirSync(own);
  writeFileSync(join(own, 'held'), ''); // where a mount would be: what leaves the host finds more than an empty folder
  await expect(machine.engine.removeContainer('demo-one-1', {})).rejects.toMatchObject({ code: 'ENOTEMPTY' });
  await machine.close();
  const stale = join(machine.paths.bundles, '0123456789abcdef'); // of no container
  mkdirSync(stale);
  execFileSync('mount', ['-t', 'tmpfs', 'none', stale]);
  try {
    await machine.open();
  } finally {
    execFileSync('umount', [stale]);
  }
  expect(machine.reports.join('\n')).toContain(`what is left of a container below ${stale} could not be taken away: EBUSY`);
  expect(status('demo-one-2')?.phase).toBe('running');
  expect(status('demo-one-1')).not.toBeUndefined();
  rmSync(join(own, 'held'));
  await machine.engine.removeContainer('demo-one-1', {});
  expect(existsSync(own)).toBe(false);
  await machine.close();
  await machine.open();
  expect(existsSync(stale)).toBe(false);
});

it('an image that was mounted to copy from, by an engine that was killed, is unmounted by the next', async () => {
  await machine.close();
  const left = join(machine.paths.run, 'image-Ab12Cd');
  for (const each of [left, `${left}-not-yet`]) mkdirSync(each, { recursive: true });
  writeFileSync(join(machine.paths.run, 'boot'), readFileSync('/proc/sys/kernel/random/boot_id')); // else all of it is another boot's
  execFileSync('mount', ['-t', 'tmpfs', 'none', left]);
  await machine.open();
  expect([left, `${left}-not-yet`].map((each) => existsSync(each))).toEqual([false, false]);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(left);
});

it('an engine that cannot open lets go of all containers that it has found', async () => {
  await machine.up('services:\n  one: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, scale: 3 }\n');
  await machine.close();
  let before = -1;
  await eventually(() => { // what was closed, and programs' ends, are gone in a moment
    const last = before;
    before = unixSockets();
    expect(before).toBe(last);
  });
  writeFileSync(machine.paths.userns, ''); // no folder: what comes after the containers fails
  try {
    await expect(machine.open()).rejects.toMatchObject({ code: 'EEXIST' });
    await eventually(() => expect(unixSockets()).toBe(before));
  } finally {
    rmSync(machine.paths.userns);
  }
  await machine.open();
  expect([...machine.engine.containers.list().values()].map((each) => each.status?.phase)).toEqual(['running', 'running', 'running']);
  expect(unixSockets()).toBe(before + 5); // one a shim, and both ends of the one on which the kernel's changes are told
});

/** Unix sockets of this process. */
function unixSockets(): number {
  const all = new Set(readFileSync('/proc/net/unix', 'utf8').split('\n').map((line) => `socket:[${line.split(/\s+/)[6] ?? ''}]`));
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return all.has(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // the one that the folder was read by
    }
  }).length;
}

describe('a container that ends while no engine runs', () => {
  it('leaves its code, its time and all its output to the next one', async () => {
    const go = await upAndKilled(`
services:
  one:
    image: bayplan/hello
    volumes: ["./in:/in:ro"]
    command: ["sh", "-c", "until test -e /in/go; do usleep 5000; done; seq 0 99999; exit 7"]
`);
    const [process] = runningContainers(machine.paths).values();
    const before = Date.now();
    go();
    await eventually(() => expect(processes(machine.paths)).toEqual([]));
    const after = Date.now();
    expect(startTimeOf(process?.pid ?? 0)).toBe(null);
    await machine.open();
    expect(status('demo-one-1')).toMatchObject({ phase: 'exited', exitCode: 7, oomKilled: false, pid: 0 });
    expect(status('demo-one-1')?.finishedAt).toBeGreaterThanOrEqual(before);
    expect(status('demo-one-1')?.finishedAt).toBeLessThanOrEqual(after);
    expect(await machine.output('demo-one-1')).toBe(Array.from({ length: 100_000 }, (_, index) => `${index}\n`).join(''));
  });

  it('is started again by the next one as its policy says, ports and all', async () => {
    const go = await upAndKilled(`
services:
  one:
    image: bayplan/hello
    restart: on-failure
    stop_signal: SIGKILL
    ports: ["80"]
    volumes: ["./in:/in:ro"]
    command: ["sh", "-c", "echo run; httpd -p 80 -h /etc; if test -e /second; then sleep 1000; fi; touch /second; until test -e /in/go; do usleep 5000; done; exit 3"]
`);
    const before = runningContainers(machine.paths).get('demo-one-1')?.pid;
    go();
    await eventually(() => expect(processes(machine.paths)).toEqual([]));
    await machine.open();
    await eventually(() => expect(status('demo-one-1')).toMatchObject({ phase: 'running', restarts: 1, ports: [{ target: 80 }] }));
    expect(status('demo-one-1')?.pid).not.toBe(before);
    await eventually(async () => expect((await fetch(`http://127.0.0.1:${status('demo-one-1')?.ports[0]?.published}/hostname`)).status).toBe(200));
    expect(await machine.output('demo-one-1')).toBe('run\nrun\n');
  });
});

it('containers that end while the next engine opens leave no port, name or namespace behind', async () => {
  const go = await upAndKilled(`
services:
  one:
    image: bayplan/hello
    ports: ["80"]
    volumes: ["./in:/in:ro"]
    deploy: { replicas: 12 }
    command: ["sh", "-c", "until test -e /in/go; do usleep 1000; done; usleep $$(($$RANDOM * 5))"]
`);
  go(); // each ends within 160 ms
  await machine.open();
  const names = [...machine.engine.containers.list().keys()];
  await eventually(() => expect([machine.reports, names.map((name) => status(name)?.phase)]).toEqual([[], names.map(() => 'exited')]));
  expect(names.map((name) => status(name)?.exitCode)).toEqual(names.map(() => 0));
  expect(await machine.down()).toMatchObject({ ok: true });
  await eventually(() => expect(leftovers(machine.paths)).toEqual([]));
  expect(machine.reports).toEqual([]);
});

it('`up` after a `down` that was cut off in the middle of a stop starts the container anew', async () => {
  const stack = `
services:
  one: { image: bayplan/hello, restart: always, stop_grace_period: 700ms, command: ["sh", "-c", "trap '' TERM; while true; do usleep 10000; done"] }
`;
  await machine.up(stack);
  const { id = '?', pid } = status('demo-one-1') ?? {};
  await machine.close();
  const cut = await interrupted(machine, null, { when: () => existsSync(join(machine.paths.containers, id, 'held')) });
  expect(cut.events.at(-1)).toMatchObject({ id: 'stop-container demo-one-1', state: 'started' });
  await machine.open(); // which goes on with the stop
  expect(status('demo-one-1')).toMatchObject({ phase: 'running', pid, held: true });
  expect((await machine.up(stack)).done).toContain('start-container demo-one-1');
  expect(status('demo-one-1')).toMatchObject({ phase: 'running', held: false });
  expect(status('demo-one-1')?.pid).not.toBe(pid);
  expect((await machine.up(stack)).done).toEqual([]);
});

describe('a shim that is killed', () => {
  const stack = `
services:
  one: { image: bayplan/hello, command: ["sh", "-c", "sleep 1000 & sleep 1000"], stop_signal: SIGKILL, ports: ["80"] }
  other: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL }
`;
  const shimOf = (name: string): number => {
    const id = status(name)?.id.slice(0, 16) ?? '?';
    return JSON.parse(readFileSync(join(machine.paths.bundles, id, 'pid'), 'utf8')).shimPid;
  };

  it('takes its container with it, and `up` starts that again', async () => {
    await machine.up(stack);
    const [one, other] = [status('demo-one-1')?.pid, status('demo-other-1')?.pid];
    process.kill(shimOf('demo-one-1'), 'SIGKILL');
    await eventually(() => expect(status('demo-one-1')).toMatchObject({ phase: 'lost', pid: 0, exitCode: 137, ports: [] }));
    expect(startTimeOf(one ?? 0)).toBe(null);
    await eventually(() => expect(processes(machine.paths).length).toBe(2)); // the other's shim and responder
    const again = await machine.up(stack);
    expect([again.ok, again.done]).toEqual([true, ['start-container demo-one-1', 'publish-ports demo-one-1']]);
    expect(status('demo-other-1')?.pid).toBe(other);
  });

  it('is noticed within two seconds, and its container runs again where its policy says so', async () => {
    await machine.up(stack.replace('other: {', 'other: { restart: always,'));
    const before = status('demo-other-1')?.pid ?? 0;
    process.kill(shimOf('demo-other-1'), 'SIGKILL');
    await eventually(() => {
      const now = status('demo-other-1');
      expect(now).toMatchObject({ phase: 'running', restarts: 1 });
      expect([0, before]).not.toContain(now?.pid);
    }, 2000);
    expect(startTimeOf(before)).toBe(null);
    expect((await machine.exec('demo-other-1', 'true')).code).toBe(0);
  });

  it('is found so by the next engine', async () => {
    await machine.up(stack);
    const one = status('demo-one-1')?.pid ?? 0;
    const shim = shimOf('demo-one-1');
    await machine.close();
    process.kill(shim, 'SIGKILL');
    await machine.open();
    expect(status('demo-one-1')).toMatchObject({ phase: 'lost', pid: 0, exitCode: 137, ports: [] });
    expect(startTimeOf(one)).toBe(null);
    expect((await machine.up(stack)).done).toEqual(['start-container demo-one-1', 'publish-ports demo-one-1']);
  });
});

it('100 MB of output in a second stay within the log, and the engine as small as it was', async () => {
  mkdirSync(join(machine.folder, 'in'));
  const file = join(machine.folder, 'compose.yaml');
  writeFileSync(file, `
services:
  loud:
    image: bayplan/hello
    volumes: ["./in:/in:ro"]
    command: ["sh", "-c", "until test -e /in/go; do usleep 5000; done; yes 0123456789012345678901234567890123456789012345678 | head -c 100000000"]
`);
  await machine.close();
  const engine = spawn(process.execPath, [program, '--root', machine.root, 'engine', 'run'], { stdio: 'ignore' });
  try {
    // Else the command line would start one of its own.
    await eventually(async () => expect(await bayplan(['--root', machine.root, 'engine', 'status'])).toMatchObject({ code: 0 }));
    expect(await bayplan(['--root', machine.root, '-p', 'demo', '-f', file, 'up', '-d'])).toMatchObject({ code: 0 });
    const before = residentBytes(engine);
    let most = before;
    writeFileSync(join(machine.folder, 'in/go'), '');
    await eventually(() => {
      most = Math.max(most, residentBytes(engine));
      expect(runningContainers(machine.paths).size).toBe(0);
    });
    expect(most - before).toBeLessThan(30 * 1024 * 1024);
  } finally {
    await bayplan(['--root', machine.root, 'engine', 'stop']);
    await ended(engine);
  }
  await machine.open();
  const log = join(machine.paths.containers, status('demo-loud-1')?.id ?? '?', 'log');
  expect([log, `${log}.1`, `${log}.2`, `${log}.3`].map((path) => existsSync(path))).toEqual([true, true, true, false]);
  for (const path of [log, `${log}.1`, `${log}.2`]) expect(statSync(path).size).toBeLessThanOrEqual(10 * 1024 * 1024);
  expect(status('demo-loud-1')).toMatchObject({ phase: 'exited', exitCode: 0 });
  expect((await machine.output('demo-loud-1')).length).toBeGreaterThan(19 * 1024 * 1024);
});

function residentBytes({ pid }: ChildProcess): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('close', resolve));
}
