import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bayplan, eventually, Machine, program } from './harness.ts';

// The engine as all that a container runs: its first process is whom orphans are left to.
const machine = new Machine();
beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
});
afterAll(() => machine.dispose());

interface Known { readonly pid: number; readonly parent: number; readonly state: string; readonly name: string }
const known = (): Known[] => readdirSync('/proc').flatMap((entry): Known[] => {
  try {
    const [, pid = '', name = '', state = '', parent = ''] = /^(\d+) \((.*)\) (\S) (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8')) ?? [];
    return [{ pid: Number(pid), name, state, parent: Number(parent) }];
  } catch {
    return []; // no process, or none any more
  }
});

it('its orphans are reaped, and its end is the container\'s', async () => {
  const file = join(machine.folder, 'compose.yaml');
  const health = join(machine.folder, 'health');
  writeFileSync(health, '');
  writeFileSync(file, `name: demo\nservices: { web: { image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["${machine.folder}:/here"], healthcheck: { test: "echo x >>/here/health", interval: 50ms } } }\n`);
  const outer = spawn('unshare', ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, program, '--root', machine.root, 'engine', 'run'], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => outer.once('close', resolve));
  try {
    await eventually(async () => expect((await bayplan(['--root', machine.root, 'engine', 'status'])).code).toBe(0));
    const init = known().find(({ parent }) => parent === outer.pid);
    const under = (): Known[] => known().filter(({ parent }) => parent === init?.pid);
    expect(init?.name).toBe('init');
    expect(under().some(({ name }) => name === 'node' || name === 'MainThread')).toBe(true);
    expect(await bayplan(['--root', machine.root, '-f', file, 'up', '-d', '--wait'])).toMatchObject({ code: 0 });
    for (let time = 0; time < 3; time++) expect(await bayplan(['--root', machine.root, '-f', file, 'exec', '-T', 'web', 'true'])).toMatchObject({ code: 0 });
    await eventually(() => expect(readFileSync(health, 'utf8').length).toBeGreaterThan(20));
    await eventually(() => expect(under().filter(({ state }) => state === 'Z')).toEqual([]));
    expect(await bayplan(['--root', machine.root, '-f', file, 'down', '-t', '0'])).toMatchObject({ code: 0 });
    process.kill(init?.pid ?? 0, 'SIGTERM');
    expect(await ended).toBe(0);
  } finally {
    outer.kill('SIGKILL');
    await ended;
    await machine.open();
  }
});
