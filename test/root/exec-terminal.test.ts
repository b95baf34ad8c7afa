import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bayplan, eventually, Machine, program } from './harness.ts';
import { Terminal } from './terminal.ts';

// A terminal from the command line to a process in a container and back, through an engine of its own process.
let machine: Machine;
let run: string;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  machine.request('services: {box: {image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL}}');
  await machine.close();
  const options = ['--root', machine.root, '-p', 'demo', '--file', `${machine.folder}/compose.yaml`];
  expect(await bayplan([...options, 'up', '-d'])).toMatchObject({ code: 0 });
  run = [process.execPath, program, ...options].join(' ');
});
afterAll(async () => {
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

describe('exec in a terminal', () => {
  it('gives the process one of its size, follows its changes, and answers with the exit code', async () => {
    const terminal = new Terminal(`${run} exec box sh -c 'tty; stty size; trap "stty size" WINCH; echo ready; while :; do read line && exit 7; done'`);
    await terminal.shows(/\/dev\/pts\/0\r\n40 100\r\nready/);
    terminal.resize(120, 50);
    await terminal.shows(/50 120/);
    terminal.type('\r');
    expect(await terminal.exit).toBe(7);
  });

  it('leaves Ctrl-C to the process, and the terminal as it was', async () => {
    const terminal = new Terminal(`stty -a > /dev/stdout; ${run} exec box sh -c 'trap "echo caught; exit 3" INT; echo ready; while :; do sleep 0.05; done'; echo status $?; stty -a`);
    await terminal.shows(/ready/);
    terminal.type('\x03');
    await terminal.exit;
    expect(terminal.output).toMatch(/caught\r\nstatus 3/);
    const [before, after] = [...terminal.output.matchAll(/speed [^]*?-extproc/g)].map(([text]) => text);
    expect(before).toBeDefined();
    expect(after).toBe(before);
  });

  it('gives the terminal back when the command line is told to end', async () => {
    const terminal = new Terminal(`stty -g; (sh -c 'echo pid=$$; exec ${run} exec box sh -c "echo ready; sleep 1000"'); echo status $?; stty -g`);
    await terminal.shows(/ready/);
    process.kill(Number(/pid=(\d+)/.exec(terminal.output)?.[1]), 'SIGTERM');
    await terminal.exit;
    expect(terminal.output).toContain('status 143');
    const [before, after] = [...terminal.output.matchAll(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm)].map(([text]) => text);
    expect(after).toBe(before);
  });

  it('leaves the process running at Ctrl-P Ctrl-Q', async () => {
    const terminal = new Terminal(`${run} exec box sh -c 'echo ready; sleep 2468'`);
    await terminal.shows(/ready/);
    terminal.type('\x10\x11');
    expect(await terminal.exit).toBe(0);
    expect((await bayplan(['--root', machine.root, '-p', 'demo', 'exec', '-T', 'box', 'ps'])).stdout).toContain('sleep 2468');
  });

  it('takes none with -T, and refuses one where there is none', async () => {
    const terminal = new Terminal(`${run} exec -T box tty`);
    expect(await terminal.exit).toBe(1);
    expect(terminal.output).toContain('not a tty');
    expect((await bayplan(['--root', machine.root, '-p', 'demo', 'exec', '-t', 'box', 'true'])).stderr).toBe('bayplan: the standard input is no terminal: leave out -t\n');
  });
});

it('without a terminal has streams that can be opened by name, as another user too', async () => {
  const script = 'echo out > /dev/stdout; echo wrong > /dev/stderr; echo more > /proc/self/fd/1; cat /dev/stdin; exit 3';
  for (const user of ['0', '1000'])
    expect(await bayplan(['--root', machine.root, '-p', 'demo', 'exec', '-T', '-u', user, 'box', 'sh', '-c', script])).toMatchObject({ code: 3, stdout: 'out\nmore\n', stderr: 'wrong\n' });
});

it('detached tells what could not be run, and lets go of what runs', async () => {
  const detached = (...command: string[]) => bayplan(['--root', machine.root, '-p', 'demo', 'exec', '-d', 'box', ...command]);
  expect(await detached('no-such-thing')).toMatchObject({ stderr: expect.stringContaining("no-such-thing: executable file not found in the container's PATH") });
  expect((await detached('no-such-thing')).code).not.toBe(0);
  expect(await detached('sleep', '97531')).toMatchObject({ code: 0, stderr: '' });
  expect((await bayplan(['--root', machine.root, '-p', 'demo', 'exec', '-T', 'box', 'ps'])).stdout).toContain('sleep 97531');
});

it('init reaps what is left to it and passes signals on', async () => {
  const inside = async (script: string): Promise<string> => (await bayplan(['--root', machine.root, '-p', 'demo', 'exec', '-T', 'box', 'sh', '-c', script])).stdout;
  expect(await inside('cat /proc/1/cmdline | tr "\\0" " "; cat /proc/1/comm')).toMatch(/^init\s+init\n$/);
  await inside('(sleep 0.01 & exec true) & wait');
  await eventually(async () => expect(await inside('cat /proc/[0-9]*/stat')).not.toMatch(/\) Z /));
  await bayplan(['--root', machine.root, '-p', 'demo', 'exec', '-T', 'box', 'kill', '-TERM', '1']);
  await eventually(async () => expect((await bayplan(['--root', machine.root, '-p', 'demo', 'ps', '-a'])).stdout).toContain('Exited (143)'));
});
