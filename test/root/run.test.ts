import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bayplan, eventually, Machine, program } from './harness.ts';
import { Terminal } from './terminal.ts';

// One-off containers, and attaching, from the command line.
const machine = new Machine();
const options = ['--root', machine.root, '-p', 'demo', '-f', `${machine.folder}/compose.yaml`];
const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan([...options, ...args], { cwd: machine.folder });
const names = async (): Promise<readonly string[]> => (await own('ps', '-a', '--format', 'json')).stdout.trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line).Name);
beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  machine.request(`
services:
  db:
    image: bayplan/hello
    command: [sh, -c, "sleep 0.3; touch /up; exec sleep 1000"]
    healthcheck: {test: [CMD, test, -e, /up], interval: 100ms}
    stop_signal: SIGKILL
  task:
    image: bayplan/hello
    command: [sh, -c, "echo $$WHO; nslookup db >/dev/null && echo found; exit 3"]
    environment: {WHO: file}
    ports: ["18097:80"]
    restart: always
    stop_signal: SIGKILL
    depends_on: {db: {condition: service_healthy}}
  shell: {image: bayplan/hello, command: [sh], tty: true, stdin_open: true, stop_signal: SIGKILL}
  hooked: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, post_start: [{command: [sh, -c, "sleep 0.5; exit 4"]}]}
`);
  await machine.close();
});
afterAll(async () => {
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

/** Of the engine on a root. */
function enginePid(root: string): number {
  const found = readdirSync('/proc').find((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0--root\0${root}\0engine\0run\0`);
    } catch {
      return false; // it ended meanwhile
    }
  });
  return Number(found);
}

describe('run', () => {
  it('starts what the service depends on, healthy, and answers with the command\'s output and status', async () => {
    const { code, stdout, stderr } = await own('run', '--rm', 'task');
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'file\nfound\n' });
    expect(stderr).toContain('start-container demo-db-1');
    await eventually(async () => expect(await names()).toEqual(['demo-db-1']));
  });

  it('changes what it is told to, and keeps the container without --rm', async () => {
    writeFileSync(join(machine.folder, 'given'), 'by a bind\n');
    expect(await own('run', '--no-deps', '--name', 'kept', '-e', 'WHO=me', '-v', './given:/given:ro', '-w', '/tmp', '--entrypoint', 'sh -c', 'task', 'echo $WHO $(pwd) $(cat /given)')).toMatchObject({ code: 0, stdout: 'me /tmp by a bind\n' });
    expect(await names()).toEqual(['demo-db-1', 'kept']);
    expect(await own('run', '--no-deps', '--name', '../x y', 'task')).toMatchObject({ code: 1, stderr: expect.stringContaining('Invalid container name (../x y), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed') });
    expect(await own('run', '--no-deps', '--name', 'kept', 'task')).toMatchObject({ code: 1, stderr: expect.stringContaining('the name "kept" is in use') });
  });

  it('answers with the command\'s own status where that is over before the hooks are', async () => {
    for (const status of [0, 5]) expect(await own('run', '--rm', '--no-deps', 'hooked', 'sh', '-c', `echo done; exit ${status}`)).toMatchObject({ code: status, stdout: 'done\n' });
    expect(await own('run', '--rm', '--no-deps', 'hooked', 'sleep', '1.5')).toMatchObject({ code: 1, stderr: expect.stringContaining('its post_start hook "sh -c sleep 0.5; exit 4" ended with code 4') });
  });

  it('publishes no ports unless asked to', async () => {
    const { stdout } = await own('run', '-d', '--no-deps', 'task', 'sleep', '1000');
    expect(stdout).toMatch(/^[0-9a-f]{64}\n$/); // the container's ID, as docker compose has it
    expect((await own('ps', '-a')).stdout).not.toContain('18097');
    await own('run', '-d', '--no-deps', '-P', '--name', 'published', 'task', 'sleep', '1000');
    expect((await own('ps', '-a')).stdout).toContain('0.0.0.0:18097->80/tcp');
  });

  it('refuses a service that is not there, and says what is wrong with an option', async () => {
    expect(await own('run', 'nothing')).toMatchObject({ code: 1, stderr: 'bayplan: no service "nothing" in the stack file: it has db, task, shell, hooked\n' });
    expect((await own('run', '--no-deps', '-v', 'aa:/bb:cc:dd', 'task')).stderr).toBe('bayplan: -v aa:/bb:cc:dd: expected [SOURCE:]TARGET[:OPTIONS], got too many colons in "aa:/bb:cc:dd"; a path that has one in it needs the long form: type, source, target\n');
  });

  it('has a terminal in one', async () => {
    const terminal = new Terminal(`${process.execPath} ${program} ${options.join(' ')} run --rm --no-deps task sh -c "tty; stty size; read line; exit 6"; echo status $?`);
    await terminal.shows(/\/dev\/pts\/0\s+40 100/);
    terminal.type('\r');
    await terminal.exit;
    expect(terminal.output).toContain('status 6');
  });

  it('leaves one-offs to down', async () => {
    expect((await own('down')).code).toBe(0);
    expect(await names()).toEqual([]);
  });
});

it('attach joins a service that has a terminal, and leaves it', async () => {
  expect((await own('up', '-d', 'shell')).code).toBe(0);
  const terminal = new Terminal(`${process.execPath} ${program} --root ${machine.root} -p demo attach shell; echo status $?`);
  await eventually(() => {
    terminal.type('echo is-$((40+2))\r');
    expect(terminal.output).toContain('is-42');
  });
  terminal.type('\x10\x11');
  await terminal.exit;
  expect(terminal.output).toContain('left running\r\nstatus 0');
  expect((await own('ps')).stdout).toContain('demo-shell-1');
});

describe('exec', () => {
  it('says in a sentence what is wrong with an option', async () => {
    await own('up', '-d', 'db');
    expect(await own('exec', '-u', 'nosuch', 'db', 'id')).toMatchObject({ code: 125, stdout: '', stderr: expect.stringMatching(/^unable to find user nosuch: .*\n$/) });
    expect(await own('exec', '-w', '/nonexist', 'db', 'pwd')).toMatchObject({ stdout: '', stderr: expect.stringMatching(/^[^{]*\/nonexist: No such file or directory\n$/) });
  });

  it('says that its engine was killed, and that the command goes on', async () => {
    const ended = own('exec', 'db', 'sh', '-c', 'echo $$ >/begun; exec sleep 4711');
    await eventually(async () => expect((await own('exec', 'db', 'test', '-s', '/begun')).code).toBe(0));
    process.kill(enginePid(machine.root), 'SIGKILL');
    expect(await ended).toMatchObject({ code: 1, stderr: 'bayplan: the engine ended; the command goes on in the container\n' });
    expect((await own('exec', 'db', 'sh', '-c', 'kill -9 $(cat /begun)')).code).toBe(0);
  });
});
