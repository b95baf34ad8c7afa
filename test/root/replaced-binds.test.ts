import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bayplan, Machine } from './harness.ts';

// A file that is bound into a container, and that an editor or a checkout replaces: the container goes on with the former one.
const machine = new Machine();
const folder = join(machine.folder, 'stack');
const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '-p', 'demo', ...args], { cwd: folder });
const NOTE = `note: container demo-web-1 has at /etc/app.conf what was ${folder}/app.conf before that was replaced on the host: \`up --force-recreate web\` gives it what is there now`;
const seen = async (): Promise<string> => (await own('exec', '-T', 'web', 'cat', '/etc/app.conf')).stdout;

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
  mkdirSync(folder);
  writeFileSync(join(folder, 'app.conf'), 'one\n');
  writeFileSync(join(folder, 'compose.yaml'), 'services: { web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["./app.conf:/etc/app.conf:ro", "./data:/data"] } }\n');
  expect(await own('up', '-d')).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await own('engine', 'stop');
  await machine.dispose();
});

const REPLACED: readonly (readonly [how: string, replace: (text: string) => void])[] = [
  ['renamed over, as editors save', (text) => { writeFileSync(join(folder, '.new'), text); renameSync(join(folder, '.new'), join(folder, 'app.conf')); }],
  ['removed and made anew, as git checks out', (text) => { rmSync(join(folder, 'app.conf')); writeFileSync(join(folder, 'app.conf'), text); }],
  ['sed -i', (text) => { execFileSync('sed', ['-i', `s/.*/${text.trim()}/`, join(folder, 'app.conf')]); }],
];

it.each(REPLACED)('%s: plan, up and ps say so, and up --force-recreate gives the new one', async (how, replace) => {
  const before = await seen();
  expect((await own('plan')).stdout).not.toContain(NOTE);
  expect((await own('ps')).stderr).not.toContain(NOTE);
  replace(`${how}\n`);
  expect(await seen()).toBe(before);
  expect((await own('plan')).stdout.split('\n')).toContain(NOTE);
  expect((await own('up', '-d')).stdout.split('\n')).toContain(NOTE);
  expect((await own('ps')).stderr.split('\n')).toContain(NOTE);
  expect(await own('up', '-d', '--force-recreate', 'web')).toMatchObject({ code: 0 });
  expect(await seen()).toBe(`${how}\n`);
  expect((await own('plan')).stdout).not.toContain(NOTE);
});

it('a file that is written in place is the container\'s too, and nothing is said', async () => {
  writeFileSync(join(folder, 'app.conf'), 'in place\n');
  expect(await seen()).toBe('in place\n');
  expect((await own('plan')).stdout).not.toContain('replaced on the host');
});
