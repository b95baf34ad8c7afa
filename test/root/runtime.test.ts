import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/runtime/storage/find-program.ts';
import { eventually, Machine, top } from './harness.ts';

// Containers that runc runs in place of our own core: everything around them is as it was.
const missing = findProgram('runc') === null ? 'there is no runc' : null;
const title = (name: string): string => (missing === null ? name : `${name} (skipped: ${missing})`);
const test = missing === null ? it : it.skip;
const hello = readFileSync(join(top, 'examples/hello/compose.yaml'), 'utf8');
const machine = new Machine();

/** Never 0: to kill that is to kill this program. */
const pidOf = (name: string): number => {
  const pid = machine.engine.containers.get(name)?.status?.pid ?? 0;
  if (pid <= 1) throw new Error(`${name} does not run`);
  return pid;
};
const idOf = (name: string): string => (machine.engine.containers.get(name)?.status?.id ?? '').slice(0, 16);
const runcState = (name: string): { status: string; pid: number } => JSON.parse(execFileSync('runc', ['--root', join(machine.paths.run, 'runtimes/runc'), 'state', idOf(name)], { encoding: 'utf8' }));
const mounts = (): readonly string[] => readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '').filter((at) => at.startsWith(`${machine.paths.bundles}/`));
const records = (): readonly string[] => (existsSync(join(machine.paths.run, 'runtimes/runc')) ? readdirSync(join(machine.paths.run, 'runtimes/runc')) : []);
const words = (name: string): readonly string[] => machine.engine.containers.processes(name).map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim());
const phase = (name: string): string | undefined => machine.engine.containers.get(name)?.status?.phase;

beforeAll(async () => {
  if (missing !== null) return;
  await machine.open();
  await machine.loadHello();
});
afterAll(async () => {
  if (missing === null) await machine.dispose();
});

describe('a stack with `runtime: runc`', () => {
  test(title('runs examples/hello, healthy and answering, each process in runc\'s hands'), async () => {
    const port = 18_000 + process.pid % 1000;
    const text = hello.replaceAll('8088', String(port)).replace('./page.sh', join(top, 'examples/hello/page.sh')).replace(/^( {2}(?:hello|greeter):\n)/gm, '$1    runtime: runc\n');
    expect(text.match(/runtime: runc/g)).toHaveLength(2);
    expect(await machine.up(text, { wait: true, name: 'hello' })).toMatchObject({ ok: true, message: '' });
    for (const name of ['hello-hello-1', 'hello-greeter-1']) {
      expect(runcState(name)).toMatchObject({ status: 'running', pid: pidOf(name) });
      expect(machine.engine.containers.get(name)?.status).toMatchObject({ runtime: 'runc', phase: 'running' });
    }
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('Hello from bayplan');
    expect(await machine.down({ name: 'hello' })).toMatchObject({ ok: true });
    expect([mounts(), records()]).toEqual([[], []]);
  });

  const service = (more: string): string => `{image: bayplan/hello, runtime: runc, stop_signal: SIGKILL, ${more}}`;

  test(title('keeps logs, exit codes, users, contents, volumes, terminals and what could not be run'), async () => {
    const text = `
services:
  out: ${service('command: [sh, -c, "echo to stdout; echo to stderr >&2; exit 7"]')}
  who: ${service('command: [sh, -c, "id -u; id -g; id -G; echo $$HOME; cat /run/secrets/token /data/kept; stat -c %a:%u /run/secrets/token; touch /etc/x; exec sleep 1000"], user: "0:7", group_add: ["8"], init: true, secrets: [{source: token, uid: "5", mode: 0400}], volumes: ["store:/data"]')}
  tty: ${service('command: [sh, -c, "tty; exec sleep 1000"], tty: true, read_only: true')}
  none: ${service('command: [/no/such]')}
volumes: {store: }
secrets: {token: {file: ./token}}
`;
    writeFileSync(join(machine.folder, 'token'), 'secret\n');
    await machine.engine.createVolume('demo_store', { driver: 'local', external: false, driverOpts: {}, labels: {} }).catch(() => undefined);
    const outcome = await machine.up(text.replace('volumes: {store: }', 'volumes: {store: {external: true, name: demo_store}}').replace('cat /run/secrets/token /data/kept', 'cat /run/secrets/token'));
    expect(outcome).toMatchObject({ ok: false, message: expect.stringMatching(/none-1.*\/no\/such/) as string });
    await eventually(async () => {
      expect(machine.engine.containers.get('demo-out-1')?.status).toMatchObject({ phase: 'exited', exitCode: 7 });
      expect(await machine.output('demo-out-1')).toBe('to stdout\nto stderr\n');
      expect(await machine.output('demo-tty-1')).toMatch(/^\/dev\/pts\/\d+\r\n$/);
      expect(await machine.output('demo-who-1')).toBe('0\n7\n7 8\n/root\nsecret\n400:5\n');
    });
    expect(machine.engine.containers.get('demo-none-1')?.status).toMatchObject({ phase: 'exited', exitCode: 127 });
    expect(readFileSync(`/proc/${pidOf('demo-who-1')}/comm`, 'utf8')).toBe('init\n');
  });

  test(title('runs commands in it: codes, input, a terminal, an end by a signal'), async () => {
    expect(await machine.exec('demo-who-1', 'sh', '-c', 'echo out; echo err >&2; exit 3')).toEqual({ code: 3, output: 'out\nerr\n' });
    expect((await machine.exec('demo-who-1', '/no/such')).code).toBe(127);
    for (const [program, started, code] of [['/no/such', false, 127], ['/etc', false, 126], ['true', true, 0]] as const) {
      const detached = await machine.engine.containers.exec('demo-who-1', { command: [program], environment: [], user: '', workingDir: '', tty: false, detached: true });
      expect([await detached.started, await detached.exit]).toEqual([started, code]);
    }
    const cat = await machine.engine.containers.exec('demo-who-1', { command: ['cat'], environment: [], user: '', workingDir: '', tty: false });
    let said = '';
    cat.stdout.on('data', (data: Buffer) => { said += data.toString(); });
    cat.stdin.end('through\n');
    expect([await cat.exit, said]).toEqual([0, 'through\n']);
    const term = await machine.engine.containers.exec('demo-who-1', { command: ['sh', '-c', 'tty; stty size; read x; echo got $x'], environment: [], user: '', workingDir: '', tty: true, consoleSize: { width: 91, height: 17 } });
    let shown = '';
    term.stdout.on('data', (data: Buffer) => { shown += data.toString(); });
    await eventually(() => expect(shown).toMatch(/\/dev\/pts\/\d+\r\n17 91\r\n/));
    term.stdin.write('typed\r');
    expect(await term.exit).toBe(0);
    expect(shown).toContain('got typed');
    const sleeper = await machine.engine.containers.exec('demo-who-1', { command: ['sleep', '1234'], environment: [], user: '', workingDir: '', tty: false });
    await eventually(() => expect(words('demo-who-1')).toContain('sleep 1234'));
    sleeper.kill();
    expect(await sleeper.exit).toBe(137);
    await eventually(() => expect(words('demo-who-1')).not.toContain('sleep 1234'));
  });

  test(title('pauses, counts, lists processes and changes, copies files, updates limits'), async () => {
    await machine.engine.pauseContainer('demo-who-1', true);
    await machine.close();
    await machine.open(); // which asks the kernel
    expect(machine.engine.containers.get('demo-who-1')?.status?.paused).toBe(true);
    await machine.engine.pauseContainer('demo-who-1', false);
    expect(machine.engine.containers.processes('demo-who-1')).toContain(pidOf('demo-who-1'));
    expect(machine.engine.containers.usage('demo-who-1')?.memory).toBeDefined();
    expect((await machine.engine.containers.changes('demo-who-1')).map(({ path }) => path)).toContain('/etc/x');
  });

  test(title('lives on while the engine is away, and is found again; its end meanwhile is noticed'), async () => {
    const before = pidOf('demo-who-1');
    const tty = pidOf('demo-tty-1');
    await machine.close();
    process.kill(tty, 'SIGTERM');
    process.kill(tty, 'SIGKILL');
    await eventually(() => expect(existsSync(`/proc/${tty}`)).toBe(false));
    await machine.open();
    expect(machine.engine.containers.get('demo-who-1')?.status).toMatchObject({ phase: 'running', pid: before });
    expect(machine.engine.containers.get('demo-tty-1')?.status).toMatchObject({ phase: 'exited', exitCode: 137 });
    expect((await machine.exec('demo-who-1', 'echo', 'there')).output).toBe('there\n');
    expect(mounts().filter((at) => at.includes(idOf('demo-tty-1')))).toEqual([]);
  });

  test(title('leaves no mount and no record where its shim was killed, and starts again'), async () => {
    const id = idOf('demo-who-1');
    const { shimPid, pid } = JSON.parse(readFileSync(join(machine.paths.bundles, id, 'pid'), 'utf8')) as { shimPid: number; pid: number };
    await machine.close();
    process.kill(shimPid, 'SIGKILL');
    await machine.open();
    await eventually(() => expect(phase('demo-who-1')).toBe('lost'));
    await eventually(() => expect([mounts().filter((at) => at.includes(id)), records().includes(id)]).toEqual([[], false]));
    await eventually(() => expect(existsSync(`/proc/${pid}`)).toBe(false));
    await machine.engine.startContainer('demo-who-1');
    expect(runcState('demo-who-1').status).toBe('running');
  });

  test(title('is restarted by its policy, and stopped by its signal'), async () => {
    expect(await machine.up(`services: {again: ${service('restart: on-failure, command: [sh, -c, "echo run; sleep 0.1; exit 1"]').replace('stop_signal: SIGKILL, ', '')}, polite: {image: bayplan/hello, runtime: runc, command: [sh, -c, "trap \\"echo bye; exit 9\\" TERM; echo up; while :; do sleep 0.05; done"]}}`, { name: 'again' })).toMatchObject({ ok: true });
    await eventually(() => expect(machine.engine.containers.get('again-again-1')?.status?.restarts).toBeGreaterThan(1));
    await eventually(async () => expect(await machine.output('again-polite-1')).toBe('up\n'));
    await machine.engine.stopContainer('again-polite-1', null, 10_000);
    expect(machine.engine.containers.get('again-polite-1')?.status).toMatchObject({ phase: 'exited', exitCode: 9 });
    expect(await machine.output('again-polite-1')).toBe('up\nbye\n');
  });

  test(title('goes without a trace'), async () => {
    for (const name of ['demo', 'again']) expect(await machine.down({ name, volumes: true })).toMatchObject({ ok: true });
    await machine.engine.removeVolume('demo_store', true);
    expect([mounts(), records(), readdirSync(machine.paths.containers)]).toEqual([[], [], []]);
  });
});

const crunMissing = findProgram('crun') === null ? 'there is no crun' : null;
describe('a runtime of one\'s own', () => {
  test(title('that takes its time to pass a signal on keeps no output back, and gets its signals one after the other'), async () => {
    const own = new Machine();
    const wrapper = join(own.folder, 'wrapper');
    writeFileSync(wrapper, '#!/bin/sh\nfor word; do [ "$word" = kill ] && sleep 0.7; done\nexec runc "$@"\n');
    chmodSync(wrapper, 0o755);
    mkdirSync(own.root, { recursive: true });
    writeFileSync(own.paths.config, JSON.stringify({ version: 1, runtimes: { slow: { path: wrapper } } }));
    try {
      await own.open();
      await own.loadHello();
      expect(await own.up('services: {a: {image: bayplan/hello, runtime: slow, stop_signal: SIGKILL, command: [sh, -c, "trap \\"echo first\\" USR1; trap \\"echo second\\" USR2; while :; do echo beat; sleep 0.02; done"]}}')).toMatchObject({ ok: true });
      await eventually(async () => expect(await own.output('demo-a-1')).toContain('beat\n'));
      const begun = Date.now();
      const sent = ['SIGUSR1', 'SIGUSR2'].map((signal) => own.engine.containers.signal('demo-a-1', signal));
      await sent[0];
      const took = Date.now() - begun;
      expect(took).toBeGreaterThanOrEqual(700);
      await sent[1];
      expect(Date.now() - begun).toBeGreaterThanOrEqual(1400);
      const beats: number[] = [];
      for await (const { time } of own.engine.containers.logs('demo-a-1', { tail: null, follow: false, signal: new AbortController().signal })) beats.push(Number(time / 1_000_000n));
      const during = beats.filter((time) => time > begun && time < begun + 650);
      expect(during.length).toBeGreaterThan(5);
      await eventually(async () => expect((await own.output('demo-a-1')).split('\n').filter((line) => line === 'first' || line === 'second')).toEqual(['first', 'second']));
      // Its end, too, is known at once.
      const pid = own.engine.containers.get('demo-a-1')?.status?.pid ?? 0;
      const late = own.engine.containers.signal('demo-a-1', 'SIGUSR1').catch(() => undefined);
      process.kill(pid, 'SIGKILL');
      await eventually(() => expect(own.engine.containers.get('demo-a-1')?.status).toMatchObject({ phase: 'exited', exitCode: 137 }));
      await late;
    } finally {
      await own.dispose();
    }
  });

  test(title('whose complaint is long is heard whole, and one that hangs over a signal goes with the container'), async () => {
    const own = new Machine();
    const folder = join(own.folder, 'x'.repeat(120));
    const [wrapper, hung] = [join(folder, 'wrapper'), join(own.folder, 'hung')];
    mkdirSync(folder);
    writeFileSync(wrapper, `#!/bin/sh
for word; do
  [ "$before" = --log ] && log=$word
  before=$word
done
case "$*" in
  *" kill "*10) printf '{"level":"error","msg":"%0590d"}\\n' 7 >$log; exit 1;;
  *" kill "*12) echo $$ >${hung}; sleep 1000;;
esac
exec runc "$@"
`);
    chmodSync(wrapper, 0o755);
    mkdirSync(own.root, { recursive: true });
    writeFileSync(own.paths.config, JSON.stringify({ version: 1, runtimes: { slow: { path: wrapper } } }));
    try {
      await own.open();
      await own.loadHello();
      expect(await own.up('services: {a: {image: bayplan/hello, runtime: slow, stop_signal: SIGKILL, command: [sleep, "1000"]}}')).toMatchObject({ ok: true });
      await expect(own.engine.containers.signal('demo-a-1', 'SIGUSR1')).rejects.toThrow(/ could not be sent: \S+\/x+\/wrapper: 0{100}/);
      const late = own.engine.containers.signal('demo-a-1', 'SIGUSR2').then(() => null, (error: unknown) => error);
      await eventually(() => expect(readFileSync(hung, 'utf8')).toMatch(/^\d+\n$/));
      const pid = own.engine.containers.get('demo-a-1')?.status?.pid ?? 0;
      expect(pid).toBeGreaterThan(1);
      process.kill(pid, 'SIGKILL');
      await eventually(() => expect(own.engine.containers.get('demo-a-1')?.status).toMatchObject({ phase: 'exited', exitCode: 137 }));
      expect(await late).toBeInstanceOf(Error);
      await eventually(() => expect(existsSync(`/proc/${readFileSync(hung, 'utf8').trim()}`)).toBe(false));
    } finally {
      await own.dispose();
    }
  });

  // crun refuses the hybrid layout: the program that is named gives it a view of the machine without version 2.
  (crunMissing === null ? it : it.skip)(crunMissing === null ? 'is crun, by a program that calls it' : `is crun (skipped: ${crunMissing})`, async () => {
    const own = new Machine();
    const wrapper = join(own.folder, 'wrapper');
    writeFileSync(wrapper, '#!/bin/sh\nexec unshare -m sh -c \'if [ -e /sys/fs/cgroup/unified/cgroup.procs ]; then umount /sys/fs/cgroup/unified; fi; exec crun "$@"\' sh "$@"\n');
    chmodSync(wrapper, 0o755);
    mkdirSync(own.root, { recursive: true });
    writeFileSync(join(own.root, 'config.json'), JSON.stringify({ version: 1, runtimes: { mine: { path: wrapper } } }));
    await own.open();
    await own.loadHello();
    try {
      const service = 'image: bayplan/hello, runtime: mine';
      expect(await own.up(`services: {a: {${service}, mem_limit: 64m, command: [sh, -c, "echo begun; trap 'exit 9' TERM; while :; do sleep 0.05; done"]}, b: {${service}, command: [sh, -c, "echo out; exit 7"]}}`)).toMatchObject({ ok: true });
      const { pid = 0, id = '' } = own.engine.container('demo-a-1').status ?? {};
      expect(JSON.parse(execFileSync(wrapper, ['--root', join(own.paths.run, 'runtimes/mine'), 'state', id.slice(0, 16)], { encoding: 'utf8' }))).toMatchObject({ status: 'running', pid });
      await eventually(() => expect(own.engine.container('demo-b-1').status).toMatchObject({ phase: 'exited', exitCode: 7 }));
      expect([await own.output('demo-a-1'), await own.output('demo-b-1')]).toEqual(['begun\n', 'out\n']);
      expect(await own.exec('demo-a-1', 'sh', '-c', 'echo there; exit 3')).toEqual({ code: 3, output: 'there\n' });
      await own.close();
      await own.open();
      expect(own.engine.container('demo-a-1').status).toMatchObject({ phase: 'running', pid, runtime: 'mine' });
      await own.engine.stopContainer('demo-a-1', null, 10_000);
      expect(own.engine.container('demo-a-1').status).toMatchObject({ phase: 'exited', exitCode: 9 });
    } finally {
      await own.dispose();
    }
  });
});

describe('the engine\'s configuration', () => {
  it('names runtimes and the default, and says in one line which are not there, before anything is made', async () => {
    const own = new Machine();
    mkdirSync(own.root, { recursive: true });
    const open = async (config: object): Promise<void> => {
      await own.close();
      writeFileSync(join(own.root, 'config.json'), JSON.stringify({ version: 1, ...config }));
      await own.open();
    };
    await expect(open({ 'default-runtime': 'kata' })).rejects.toThrow(/default-runtime: there is no runtime "kata"; there are bayplan, runc, crun$/);
    await expect(open({ runtimes: { bayplan: { path: 'x' } } })).rejects.toThrow(/that is the engine's own/);
    await open({ runtimes: { away: { path: '/no/such/runtime' }, args: { path: '/bin/true', runtimeArgs: ['--flag'] } } });
    expect(own.engine.runtimes.list()).toMatchObject({ bayplan: { path: 'bayplan-core' }, args: { path: '/bin/true', runtimeArgs: ['--flag'] } });
    await own.loadHello();
    for (const [runtime, said] of [['away', /service a: runtime away: there is no program \/no\/such\/runtime: install it, or name its path by "runtimes" in .*config\.json$/], ['kata', /service a: runtime "kata" is not known here: there are bayplan, runc, crun, away, args/]] as const) {
      await expect(own.up(`services: {a: {image: bayplan/hello, runtime: ${runtime}, networks: [n]}}\nnetworks: {n: }`)).rejects.toThrow(said);
    }
    expect([own.engine.containers.list().size, own.engine.networks.list().size]).toEqual([0, 0]);
    await own.dispose();
  });
});
