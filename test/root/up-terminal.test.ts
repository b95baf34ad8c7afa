import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bayplan, eventually, Machine, program } from './harness.ts';
import { Terminal } from './terminal.ts';

// `up` in a terminal and without one.
const machine = new Machine();
const options = ['--root', machine.root, '-p', 'demo', '-f', `${machine.folder}/compose.yaml`];
const command = `${process.execPath} ${program} ${options.join(' ')}`;
beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  machine.request(`
services:
  slow: {image: bayplan/hello, command: [sh, -c, "echo up; trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done"], healthcheck: {test: [CMD, sleep, "0.5"], interval: 700ms}}
  after: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: {slow: {condition: service_healthy}}}
`);
  await machine.close();
});
afterAll(async () => {
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

describe('up in the foreground', () => {
  it('shows what it waits for while it waits; Ctrl-C stops the services, and the terminal is as it was', async () => {
    const terminal = new Terminal(`trap : INT; stty -g; ${command} up; echo status $?; stty -g`, { NO_COLOR: '1' });
    await terminal.shows(/wait-container demo-slow-1 healthy {2}\d\.\ds/);
    await terminal.shows(/start-container demo-after-1 {2}\(/);
    expect(terminal.output).toContain('slow-1   | up\r\n');
    terminal.type('\x03');
    await terminal.exit;
    expect(terminal.output).toMatch(/Stopping the services….*slow-1 {3}\| bye\r\n.*status 130/s);
    const [before, after] = [...terminal.output.matchAll(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm)].map(([text]) => text);
    expect(before).toBeDefined();
    expect(after).toBe(before);
    expect((await bayplan([...options, 'ps'])).stdout).not.toContain('demo-');
  });

  it('has plain lines elsewhere, and stops at SIGINT there too', async () => {
    const terminal = new Terminal(`(sh -c 'echo pid=$$; exec ${command} up' | cat); echo done`, { NO_COLOR: '1' });
    await terminal.shows(/^start-container demo-after-1 {2}\(it was stopped\)/m);
    process.kill(Number(/pid=(\d+)/.exec(terminal.output)?.[1]), 'SIGINT');
    await terminal.exit;
    expect(terminal.output).toContain('bye');
    expect(terminal.output).not.toContain('\x1b[');
  });
});

describe('the menu', () => {
  const file = `${machine.folder}/menu.yaml`;
  const text = (greeting: string): string => `name: menu\nservices: {one: {image: bayplan/hello, command: [sh, -c, "echo ${greeting}; exec sleep 1000"], stop_signal: SIGKILL}}\n`;
  const up = `${process.execPath} ${program} --root ${machine.root} -f ${file} up`;
  const down = async (): Promise<void> => { await bayplan(['--root', machine.root, '-f', file, 'down', '-t', '0']); };

  it('stays below what services write; w turns a watch on and off, d leaves the services running, and the terminal is as it was', async () => {
    writeFileSync(file, text('hello'));
    const terminal = new Terminal(`stty -g; COMPOSE_MENU=true ${up}; echo status $?; stty -g`, { NO_COLOR: '1' });
    await terminal.shows(/one-1 {2}\| hello\r\n(.*\r)*.*w Enable Watch {3}d Detach/);
    writeFileSync(file, text('unseen'));
    terminal.type('w');
    await terminal.shows(/⦿ Watch enabled[\s\S]*w Disable Watch {3}d Detach/);
    writeFileSync(file, text('again'));
    await terminal.shows(/⦿ the stack's files were saved[\s\S]*start-container menu-one-1[\s\S]*one-1 {2}\| again\r\n/);
    writeFileSync(file, 'services: {one: [');
    await terminal.shows(/nothing was changed/);
    terminal.type('w');
    await terminal.shows(/⦿ Watch disabled[\s\S]*w Enable Watch {3}d Detach/);
    terminal.type('d');
    await terminal.exit;
    expect(terminal.output).toContain('status 0');
    const [before, after] = [...terminal.output.matchAll(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm)].map(([found]) => found);
    expect([before === undefined, after]).toEqual([false, before]);
    expect((await bayplan(['--root', machine.root, '-p', 'menu', 'ps'])).stdout).toContain('menu-one-1');
    writeFileSync(file, text('hello'));
    await down();
  });

  it('lets Ctrl-C stop the services, and is not there unless it is asked for', async () => {
    writeFileSync(file, text('hello'));
    const terminal = new Terminal(`${up} --menu; echo status $?`, { NO_COLOR: '1' });
    await terminal.shows(/w Enable Watch/);
    terminal.type('\x03');
    await terminal.exit;
    expect(terminal.output).toMatch(/Stopping the services…[\s\S]*status 130/);
    expect((await bayplan(['--root', machine.root, '-p', 'menu', 'ps'])).stdout).not.toContain('menu-one-1');
    const plain = new Terminal(`trap : INT; ${up}`, { NO_COLOR: '1' });
    await plain.shows(/one-1 {2}\| hello/);
    plain.type('\x03');
    await plain.exit;
    expect(plain.output).not.toContain('Enable Watch');
    await down();
  });
});

it('shows all that services write, however much they write just before their end', async () => {
  const file = `${machine.folder}/much.yaml`;
  writeFileSync(file, 'name: much\nservices: {one: {image: bayplan/hello, command: [sh, -c, "seq 100000; echo the end"]}}\n');
  const { code, stdout } = await bayplan(['--root', machine.root, '-f', file, 'up']);
  const lines = stdout.split('\n').filter((line) => line.startsWith('one-1  | '));
  expect(code).toBe(0);
  expect(lines).toHaveLength(100_001);
  expect(lines.at(-1)).toBe('one-1  | the end');
});

it('--progress quiet says nothing, json tells each event, tty is live anywhere', async () => {
  expect(await bayplan([...options, 'up', '-d', '--progress', 'quiet'])).toEqual({ code: 0, stdout: '', stderr: '' });
  const { stdout } = await bayplan([...options, 'down', '--progress', 'json', '-t', '0']);
  const events = stdout.trim().split('\n').map((line) => JSON.parse(line) as { readonly type: string });
  expect(events.at(0)).toMatchObject({ type: 'plan' });
  expect(events.at(-1)).toMatchObject({ type: 'end', ok: true });
  expect((await bayplan([...options, 'up', '-d', '--progress', 'tty'])).stdout).toContain('wait-container demo-slow-1 healthy');
  expect(await bayplan([...options, 'up', '--progress', 'loud'])).toMatchObject({ code: 1, stderr: expect.stringContaining('Expected one of auto, tty, plain, json, quiet') });
  await eventually(async () => expect((await bayplan([...options, 'down', '-t', '0'])).code).toBe(0));
});

describe('on a terminal', () => {
  const file = `${machine.folder}/quick.yaml`;
  beforeAll(() => writeFileSync(file, `
name: quick
services:
  one: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: {test: [CMD, sleep, "0.2"], interval: 300ms}}
  two: {image: bayplan/hello, command: "true", depends_on: {one: {condition: service_healthy}}}
`));
  afterEach(async () => expect((await bayplan(['--root', machine.root, '-f', file, 'down', '-t', '0'])).code).toBe(0));

  it.each([
    ['auto', '', /\x1b\[36m\S wait-container quick-one-1 healthy  \d\.\ds\x1b\[39m.*\x1b\[1A/s, /^\{/m],
    ['auto', 'NO_COLOR=1', /^\S wait-container quick-one-1 healthy  \d\.\ds\r\n.*\x1b\[1A/sm, /\x1b\[\d+m|^\{/m],
    ['auto', 'TERM=dumb', /^wait-container quick-one-1 healthy  \(/m, /\x1b|^\{/m],
    ['tty', 'NO_COLOR=1', /^\S wait-container quick-one-1 healthy  \d\.\ds\r\n/m, /\x1b\[\d+m/],
    ['plain', '', /^wait-container quick-one-1 healthy  \(/m, /\x1b|^\{/m],
    ['json', '', /^\{.*"type":"end".*"ok":true.*\}\r\nstatus 0/m, /\x1b|^[^{s\/\n]/m],
    ['quiet', '', /^\/dev\/pts\/\d+\r\nstatus 0\r\n$/, /container/],
  ])('--progress %s %s', async (mode, env, has, lacks) => {
    const terminal = new Terminal(`unset NO_COLOR; ${env === '' ? '' : `export ${env}; `}${process.execPath} ${program} --root ${machine.root} -f ${file} up -d --progress ${mode}; echo status $?`, { TERM: 'xterm' });
    expect(await terminal.exit).toBe(0);
    expect(terminal.output).toMatch(has);
    expect(terminal.output).not.toMatch(lacks);
  });
});
