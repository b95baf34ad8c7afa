import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerStatus } from '../../src/state/container.ts';
import { Operation } from '../../src/state/operation.ts';
import type { PassEvent } from '../../src/state/messages.ts';
import { bayplan, eventually, Machine } from './harness.ts';

// What people do to containers that are there: stop, start, restart, kill, rm, pause.
const machine = new Machine();
const STACK = `
services:
  db:
    image: bayplan/hello
    command: [sh, -c, "trap 'exit 0' TERM; trap 'echo usr1' USR1; n=0; while :; do echo $$n > /count; n=$$((n+1)); sleep 0.02; done"]
    healthcheck: {test: [CMD, test, -e, /count], interval: 100ms, timeout: 500ms, retries: 2}
    restart: always
  web:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    volumes: [/scratch]
    ports: ["18131:80"]
    depends_on: {db: {condition: service_healthy, restart: true}}
  once: {image: bayplan/hello, command: [sh, -c, "exit 3"]}
`;
const status = (name: string): ContainerStatus => {
  const found = machine.engine.containers.get(name)?.status;
  if (found === null || found === undefined) throw new Error(`no container ${name}`);
  return found;
};
async function operate(verb: Operation['verb'], services: readonly string[] = [], more: Partial<Operation> = {}): Promise<readonly string[]> {
  const events: PassEvent[] = [];
  await machine.engine.operate('demo', Operation.parse({ version: 1, verb, services, ...more }), (event) => events.push(event), new AbortController().signal);
  const end = events.at(-1);
  if (end?.type !== 'end' || !end.ok) throw new Error(end?.type === 'end' ? end.message : 'no end');
  return events.flatMap((event) => (event.type === 'step' && event.state === 'done' ? [event.id] : []));
}
const count = (): string => readFileSync(`/proc/${status('demo-db-1').pid}/root/count`, 'utf8');
const counts = async (): Promise<void> => {
  const before = await eventually(() => count());
  await eventually(() => expect(count()).not.toBe(before));
};

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
});
afterAll(() => machine.dispose());
beforeEach(async () => {
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await eventually(() => expect([status('demo-db-1').health, status('demo-once-1').phase]).toEqual(['healthy', 'exited']));
});

describe('pause', () => {
  it('freezes all processes, also while no engine runs, and lets them go on', async () => {
    const { pid } = status('demo-db-1');
    expect(await operate('pause', ['db'])).toEqual(['pause-container demo-db-1']);
    const before = count();
    await machine.close();
    await machine.open();
    expect(status('demo-db-1')).toMatchObject({ phase: 'running', paused: true, pid });
    await new Promise((resolve) => setTimeout(resolve, 300)); // its health check, which would fail, comes every 100 ms
    expect(count()).toBe(before);
    await expect(machine.exec('demo-db-1', 'true')).rejects.toThrow('container demo-db-1 is paused: unpause it first');
    await expect(operate('pause', ['db'])).rejects.toThrow('container demo-db-1 is already paused');
    expect(await operate('unpause', ['db'])).toEqual(['unpause-container demo-db-1']);
    await counts();
    expect(status('demo-db-1')).toMatchObject({ pid, restarts: 0 });
    await eventually(() => expect(status('demo-db-1').health).toBe('healthy'));
    await expect(operate('unpause', ['db'])).rejects.toThrow('container demo-db-1 is not paused');
  });

  it('lets one go on that somebody has frozen by hand, so that it can obey', async () => {
    const folder = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified', '/sys/fs/cgroup/freezer'].map((top) => join(top, machine.paths.cgroup, status('demo-db-1').id.slice(0, 16))).find((path) => existsSync(join(path, 'cgroup.freeze')) || existsSync(join(path, 'freezer.state'))) ?? '';
    const [file, on] = existsSync(join(folder, 'cgroup.freeze')) ? ['cgroup.freeze', '1'] : ['freezer.state', 'FROZEN'];
    writeFileSync(join(folder, file), on);
    await operate('stop', ['db'], { timeoutSeconds: 5 });
    expect(status('demo-db-1')).toMatchObject({ phase: 'exited', exitCode: 0 });
  });

  it('says so where somebody has stopped the shim, which would have to end it', async () => {
    const shim = Number(readFileSync(`/proc/${status('demo-db-1').pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1]);
    expect(readFileSync(`/proc/${shim}/cmdline`, 'utf8')).toContain('shim');
    process.kill(shim, 'SIGSTOP');
    try {
      await expect(operate('stop', ['db'], { timeoutSeconds: 1 })).rejects.toThrow(`container demo-db-1: its shim (pid ${shim}) does not answer: let it go on, if it was stopped ("kill -CONT ${shim}"); the container ends then`);
    } finally {
      process.kill(shim, 'SIGCONT');
    }
    await eventually(() => expect(status('demo-db-1').phase).toBe('exited'));
    await operate('start', ['db']);
    await counts();
  });

  it('is ended by up and by start, and does not keep a stop, a kill or a signal from arriving', async () => {
    for (const [verb, more] of [['stop', {}], ['kill', {}]] as const) {
      await operate('pause', ['db']);
      await operate(verb, ['db'], more);
      expect(status('demo-db-1')).toMatchObject({ phase: 'exited', paused: false, held: true, exitCode: verb === 'stop' ? 0 : 137 });
      await operate('start', ['db']);
      await counts(); // its traps are set by then
    }
    await operate('pause', ['db']);
    await operate('kill', ['db'], { signal: 'USR1' });
    await eventually(async () => expect(await machine.output('demo-db-1')).toContain('usr1'));
    await operate('pause', ['db']);
    expect((await machine.up(STACK)).done).toContain('unpause-container demo-db-1');
    await counts();
    await operate('pause', ['db']);
    expect(await operate('start', ['db'])).toEqual(['unpause-container demo-db-1']);
    await operate('pause', ['db']);
    expect(await machine.down()).toMatchObject({ ok: true });
  });
});

describe('stop, start, restart, kill and rm', () => {
  it('stop holds, in order, and start brings back what is depended on', async () => {
    expect(await operate('stop')).toEqual(['withdraw-ports demo-web-1', 'stop-container demo-web-1', 'stop-container demo-db-1']);
    await machine.close();
    await machine.open();
    expect([status('demo-db-1'), status('demo-web-1')]).toMatchObject([{ phase: 'exited', held: true, restartAt: 0 }, { phase: 'exited', held: true }]);
    expect(await operate('start', ['web'])).toEqual(['start-container demo-db-1', 'wait-container demo-db-1 healthy', 'start-container demo-web-1', 'publish-ports demo-web-1']);
    expect(status('demo-db-1')).toMatchObject({ phase: 'running', held: false });
    expect(await operate('start', ['web'])).toEqual([]);
    expect(await operate('start', ['once'])).toEqual(['start-container demo-once-1']);
  });

  it('restart keeps the container, and takes dependents along that ask for it', async () => {
    const before = [status('demo-db-1'), status('demo-web-1')];
    await operate('restart', ['db'], { dependencies: false });
    expect([status('demo-db-1').id, status('demo-web-1').pid]).toEqual([before[0]?.id, before[1]?.pid]);
    expect(status('demo-db-1').pid).not.toBe(before[0]?.pid);
    await operate('restart', ['db']);
    expect(status('demo-web-1').pid).not.toBe(before[1]?.pid);
    expect(status('demo-web-1').ports).toHaveLength(1);
  });

  it('kill of a container that is always restarted keeps it down', async () => {
    await operate('kill', ['db']);
    expect(status('demo-db-1')).toMatchObject({ phase: 'exited', exitCode: 137, held: true, restartAt: 0 });
  });

  it('rm removes what has ended, and with a stop the rest; the service is no longer asked for until up', async () => {
    await eventually(() => expect(status('demo-once-1').phase).toBe('exited'));
    expect(await operate('remove')).toEqual(['remove-container demo-once-1']);
    const [anonymous = ''] = Object.values(status('demo-web-1').anonymousVolumes);
    expect(machine.engine.volumes.list().has(anonymous)).toBe(true);
    await operate('remove', ['web'], { stop: true, volumes: 'anonymous' });
    expect(machine.engine.volumes.list().has(anonymous)).toBe(false);
    const { desired } = await machine.engine.stack('demo');
    expect([Object.keys(desired?.services ?? {}), desired?.inactive]).toEqual([['db'], ['once', 'web']]);
    expect((await machine.up(STACK)).done).toContain('create-container demo-web-1');
  });
});

it('a container that is removed by itself is a service that is no longer asked for, over a boot too, until up', async () => {
  await machine.engine.removeContainer('demo-web-1', {});
  const services = async (): Promise<readonly string[]> => Object.keys((await machine.engine.stack('demo')).desired?.services ?? {}).sort();
  expect(await services()).toEqual(['db', 'once']);
  expect((await machine.engine.stackHistory('demo'))[0]).toMatchObject({ title: 'rm' });
  expect((await machine.up(STACK)).done).toContain('create-container demo-web-1');
  expect(await services()).toEqual(['db', 'once', 'web']);
});

it('so are several that are removed at once', async () => {
  await machine.down();
  const services = ['a', 'b', 'c', 'd', 'e', 'f'];
  expect(await machine.up(`services:\n${services.map((name) => `  ${name}: { image: bayplan/hello, command: ["true"] }\n`).join('')}`, { wait: true })).toMatchObject({ ok: true });
  await Promise.all(services.slice(1).map((name) => machine.engine.removeContainer(`demo-${name}-1`, {})));
  expect(Object.keys((await machine.engine.stack('demo')).desired?.services ?? {})).toEqual(['a']);
  expect(await machine.down()).toMatchObject({ ok: true });
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
});

describe('in the middle of what somebody else has asked for', () => {
  const slow = `
services:
  db: { image: bayplan/hello, command: [sh, -c, "sleep 1; touch /ready; sleep 1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD, test, -e, /ready], interval: 100ms, retries: 100 } }
  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { db: { condition: service_healthy } } }
  other: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL }
  late: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { db: { condition: service_healthy } } }
`;
  const phase = (name: string): string => machine.engine.containers.get(name)?.status?.phase ?? '';

  it.each([
    ['stop', ['other', 'late'], { 'demo-web-1': 'running', 'demo-other-1': 'exited', 'demo-late-1': 'created' }],
    ['remove', ['other'], { 'demo-web-1': 'running', 'demo-other-1': '', 'demo-late-1': 'running' }],
    ['stop', [], { 'demo-web-1': 'created', 'demo-other-1': 'exited', 'demo-late-1': 'created' }],
  ] as const)('%s %s takes over, and what it leaves undone is made all the same, but for what is to be stopped', async (verb, services, after) => {
    await machine.down();
    const up = machine.up(slow);
    await eventually(() => expect([phase('demo-db-1'), phase('demo-other-1'), phase('demo-web-1')]).toEqual(['running', 'running', 'created']));
    await operate(verb, services, { stop: verb === 'remove' });
    expect(await up).toMatchObject({ ok: false, message: `cancelled: a later ${verb} of this stack took over` });
    await eventually(() => expect(machine.engine.busy('demo')).toBe(false));
    expect(Object.fromEntries(Object.keys(after).map((name) => [name, phase(name)]))).toEqual(after);
    await machine.down();
  });
});

describe('from the command line', () => {
  const folder = join(machine.folder, 'other');
  const file = join(machine.folder, 'compose.yaml');
  const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, ...args], { cwd: folder });

  it('restart says what is not as the file says; a stack of another folder is touched only by name', async () => {
    mkdirSync(folder, { recursive: true });
    await machine.close();
    writeFileSync(file, `name: demo\n${STACK.replace('sleep, "1000"', 'sleep, "999"')}`);
    writeFileSync(join(folder, 'compose.yaml'), `name: demo\n${STACK}`);
    try {
      const restarted = await bayplan(['--root', machine.root, '-f', file, 'restart', '-t', '0', 'web']);
      expect(restarted.stderr).toBe('');
      expect(restarted.stdout).toContain('note: demo-web-1 is not what the stack file says (command: ["sleep","1000"] → ["sleep","999"]): `up web` makes it so\n');
      for (const verb of [['down'], ['stop'], ['kill']]) {
        const refused = await own(...verb);
        expect([refused.code, refused.stderr]).toEqual([1, `bayplan: stack demo was brought up from ${machine.folder}, not from ${folder}: \`-p demo\` says that it is meant all the same; nothing was changed\n`]);
      }
      expect(await own('stop', '-p', 'demo', '-t', '0')).toMatchObject({ code: 0, stdout: expect.stringContaining('stop-container demo-web-1  (stop was asked for)') });
      expect(await own('rm', '-p', 'demo', '-f')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Going to remove demo-db-1, demo-once-1, demo-web-1\n/) });
      expect(await own('start', '-p', 'demo')).toMatchObject({ code: 1, stderr: '', stdout: expect.stringContaining('no container to start') });
      expect(await own('down', '-p', 'demo')).toMatchObject({ code: 0 });
    } finally {
      await bayplan(['--root', machine.root, 'engine', 'stop']);
      await machine.open();
    }
  });
});
