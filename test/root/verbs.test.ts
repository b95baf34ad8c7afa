import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bayplan, eventually, Machine } from './harness.ts';

// Verbs of docker compose on real containers, from the command line.
const machine = new Machine();
const file = join(machine.folder, 'compose.yaml');
const STACK = `
name: demo
services:
  web: {image: bayplan/hello, command: [sh, -c, "echo up; exec sleep 1000"], stop_signal: SIGKILL, ports: ["18132:80"], volumes: ["data:/data", /scratch], depends_on: [db]}
  db: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL}
  once: {image: bayplan/hello, command: [sh, -c, "sleep 0.5; exit 3"]}
volumes: {data: }
`;
const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '--file', file, ...args], { cwd: machine.folder });
async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await own(...args);
  expect([args, code, stderr]).toEqual([args, 0, '']);
  return stdout;
}
const ids = async (...services: readonly string[]): Promise<readonly string[]> => (await out('ps', '-a', '-q', ...services)).trim().split('\n').filter((id) => id !== '');

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
  writeFileSync(file, STACK);
  expect((await own('up', '-d')).code).toBe(0);
});
afterAll(async () => {
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

it('what looks', async () => {
  await eventually(async () => expect(await out('ps', '-a', '--format', 'json', 'once')).toContain('"ExitCode":3'));
  expect(await out('ls')).toMatch(/^NAME +STATUS +CONFIG FILES\ndemo +running\(2\) +\S+compose.yaml\n$/);
  expect(await out('top', 'db')).toMatch(/^SERVICE +# +UID +PID .*\ndb +1 +root +\d+ .* sleep 1000\n$/);
  expect(await out('port', 'web', '80')).toBe('0.0.0.0:18132\n');
  expect(await out('volumes')).toBe('DRIVER    VOLUME NAME\nlocal     demo_data\n');
  expect(JSON.parse(await out('images', '--format', 'json', 'web'))).toMatchObject([{ ContainerName: 'demo-web-1', Repository: 'bayplan/hello', Tag: 'latest', Platform: 'linux/amd64' }]);
  const events = (await out('events', '--json', '--since', '1h', '--until', '0s', 'once')).trim().split('\n').map((line) => JSON.parse(line));
  expect(events).toMatchObject([{ action: 'create', service: 'once' }, { action: 'start' }, { action: 'die', attributes: { exitCode: '3', name: 'demo-once-1' } }]);
  expect(await out('logs', '--no-color', '--since', '1h', 'web')).toBe('web-1  | up\n');
  expect(await out('logs', '--until', '1h', 'web')).toBe('');
  expect(await own('wait', 'once')).toMatchObject({ code: 1 });
  await eventually(async () => { // it may have ended before the waiting began
    await own('start', 'once');
    expect(await own('wait', 'once')).toMatchObject({ code: 3, stdout: 'container demo-once-1 exited with status code 3\n' });
  }, 40_000);
  await eventually(async () => expect(await out('ps', '-a', '--format', 'json', 'once')).toContain('"State":"exited"'));
});

it('names the services of a file at once for who presses Tab: with no engine, in a little more than Node itself takes', async () => {
  const took = async (work: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await work();
    return performance.now() - begun;
  };
  await eventually(async () => { // 100 ms on a machine that does nothing else; elsewhere Node takes longer too
    const node = await took(() => promisify(execFile)(process.execPath, ['-e', '0']));
    expect(await took(async () => expect(await out('config', '--services')).toBe('db\nonce\nweb\n'))).toBeLessThan(2.5 * node);
  }, 40_000);
});

it('up makes anew what is asked for, leaves alone what is not meant, and scales', async () => {
  const before = { web: await ids('web'), db: await ids('db') };
  await out('up', '-d', '--force-recreate', 'web');
  expect([await ids('web'), await ids('db')]).not.toEqual([before.web, before.db]);
  expect(await ids('db')).toEqual(before.db);
  writeFileSync(file, STACK.replace('sleep 1000"]', 'sleep 1001"]'));
  const web = await ids('web');
  expect(await out('up', '-d', '--no-recreate', 'web')).toContain('note: container demo-web-1 stays as it is: command');
  expect(await ids('web')).toEqual(web);
  writeFileSync(file, STACK);
  await out('stop', 'db');
  expect(await out('up', '-d', '--no-deps', 'web')).toMatch(/^nothing to do$/m);
  expect(await out('ps', '--services')).toBe('web\n');
  await out('scale', 'db=3');
  expect(await out('ps', '-q', 'db').then((text) => text.trim().split('\n').length)).toBe(3);
  await out('up', '-d', '--scale', 'db=1', 'db');
  expect(await ids('db')).toHaveLength(1);
  // What a container has in its anonymous volumes goes over to the next one, unless new ones are asked for.
  await out('exec', '-T', 'web', 'sh', '-c', 'echo kept > /scratch/file');
  await out('up', '-d', '--force-recreate', 'web');
  expect(await out('exec', '-T', 'web', 'cat', '/scratch/file')).toBe('kept\n');
  await out('up', '-d', '--force-recreate', '-V', 'web');
  expect((await own('exec', '-T', 'web', 'cat', '/scratch/file')).code).toBe(1);
});

it('up in the foreground ends with a container, and with its status', async () => {
  expect(await own('up', '--exit-code-from', 'once')).toMatchObject({ code: 3, stdout: expect.stringContaining('demo-once-1 exited with code 3: stopping the services\n') });
  expect(await out('ps', '-q')).toBe('');
  expect(await own('up', '--abort-on-container-failure', '--no-log-prefix', '--attach', 'web')).toMatchObject({ code: 3, stdout: expect.stringMatching(/^up$/m) });
});

it('up in the foreground shows nothing of a service with attach: false, unless it is asked for, and waits for it', async () => {
  const quiet = join(machine.folder, 'quiet.yaml');
  writeFileSync(quiet, 'name: quiet\nservices:\n  loud: {image: bayplan/hello, command: [echo, loud]}\n  still: {image: bayplan/hello, attach: false, command: [sh, -c, "echo still; sleep 0.5"]}\n');
  const up = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '--file', quiet, 'up', '--force-recreate', '--no-log-prefix', ...args], { cwd: machine.folder });
  const lines = ({ stdout }: { stdout: string }): readonly string[] => stdout.split('\n').filter((line) => line === 'loud' || line === 'still');
  expect(lines(await up())).toEqual(['loud']);
  expect(lines(await up('--attach', 'still'))).toEqual(['still']);
  expect(lines(await up('--no-attach', 'loud'))).toEqual([]);
  await bayplan(['--root', machine.root, '--file', quiet, 'down'], { cwd: machine.folder });
});

it('up in the foreground shows what hooks of containers write too, which logs do not have', async () => {
  const hooked = join(machine.folder, 'hooked.yaml');
  writeFileSync(hooked, 'name: hooked\nservices:\n  web: {image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL, post_start: [{command: [echo, begun]}], pre_stop: [{command: [sh, -c, "echo leaving; echo now >&2"]}]}\n  once: {image: bayplan/hello, command: [sleep, "1"]}\n');
  const run = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '--file', hooked, ...args], { cwd: machine.folder });
  const { code, stdout, stderr } = await run('up', '--abort-on-container-exit');
  expect([code, (stdout + stderr).split('\n').filter((line) => line.includes('->')).sort()]).toEqual([0, ['web-1 ->  | begun', 'web-1 ->  | leaving', 'web-1 ->  | now']]);
  expect((await bayplan(['--root', machine.root, '-p', 'hooked', 'logs'], { cwd: machine.folder })).stdout).toBe('');
  await run('down');
});

it('create makes and starts none; run and exec take their options', async () => {
  await out('rm', '-f', '-s');
  await out('create', 'web');
  expect(JSON.parse((await out('ps', '-a', '--format', 'json', 'web')).trim())).toMatchObject({ State: 'created' });
  await out('start', 'web');
  expect(await own('run', '--rm', '-T', '-l', 'a=b', '--cap-drop', 'ALL', '--cap-add', 'CHOWN', 'db', 'sh', '-c', 'grep CapEff /proc/self/status')).toMatchObject({ code: 0, stdout: 'CapEff:\t0000000000000001\n' });
  expect((await own('run', '--build', 'db')).stderr).toContain('--build: images cannot be built yet');
  const [plain, all] = await Promise.all([[], ['--privileged']].map((how) => own('exec', '-T', ...how, 'db', 'grep', 'CapEff', '/proc/self/status')));
  expect([plain?.code, all?.code, plain?.stdout === all?.stdout]).toEqual([0, 0, false]);
});

it('down of a service leaves the others, and the volume that they use', async () => {
  await out('up', '-d', 'web');
  expect(await out('down', 'web')).toContain('remove-container demo-web-1  (remove was asked for)');
  expect(await out('ps', '--services')).toBe('db\n');
  expect(await out('volumes', '-q')).toBe('demo_data\n');
  expect(await out('down', '-v', '--rmi', 'all')).toContain('remove-image bayplan/hello  (--rmi)');
  expect(await out('volumes', '-q')).toBe('');
});
