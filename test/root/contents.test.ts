import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pathsOf } from '../../src/state/paths.ts';
import { bayplan, build, eventually, top } from './harness.ts';
import { leftovers } from './leftovers.ts';

// Configs and secrets as a user has them: the command line, an engine of its own, and a search for every byte of them afterwards.
const folder = mkdtempSync(join(tmpdir(), 'bayplan-contents-'));
const paths = pathsOf(join(folder, 'root'));
const project = join(folder, 'project');
const SECRETS = { file: 'plain-text-of-the-file', variable: 'plain-text-of-the-variable', config: 'plain-text-of-the-config' };
const said: string[] = [];

const stack = (more = '') => `
name: demo
services:
  app:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    read_only: true
    network_mode: none
    user: "1000:1000"
    secrets: [token, { source: key, target: /opt/keys/app.key, uid: "1000", gid: "1001", mode: 0400 }]
    configs: [rules, { source: script, target: /usr/local/bin/hi, mode: 0555 }]
  other:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    network_mode: none
${more}
secrets:
  token: { environment: TOKEN }
  key: { file: ./key }
configs:
  rules: { content: "for \${WHO} ${SECRETS.config}" }
  script: { content: "#!/bin/sh\\necho hi" }
`;

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  const ended = await bayplan(['--root', paths.root, ...args], { cwd: project, env: { TOKEN: SECRETS.variable, WHO: 'me', ...env } });
  said.push(ended.stdout, ended.stderr);
  return ended;
}

function get(path: string, method = 'GET'): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath: paths.socket, path, method }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += String(chunk); }).on('end', () => resolve(text));
    }).once('error', reject).end();
  });
}

/** Runs a shell command in the container. */
async function inside(command: string): Promise<string> {
  const ended = await bayplan(['--root', paths.root, 'exec', 'app', 'sh', '-c', command], { cwd: project });
  return ended.stdout + ended.stderr;
}

const stored = (): readonly string[] => readdirSync(paths.contents).filter((name) => name !== 'key.json');

/** Files below the root, but the store, and below the run folder that hold one of the secrets. */
function leaks(): string {
  const patterns = Object.values(SECRETS).flatMap((secret) => ['-e', secret, '-e', Buffer.from(secret).toString('base64').slice(0, -4)]);
  return spawnSync('grep', ['-rlaF', '-D', 'skip', '--exclude-dir=contents', ...patterns, paths.root, paths.run], { encoding: 'utf8' }).stdout;
}

beforeAll(async () => {
  execFileSync('mkdir', [project]);
  writeFileSync(join(project, 'key'), SECRETS.file);
  writeFileSync(join(project, 'compose.yaml'), stack());
  const archive = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello', '--out', join(build, 'images')], { encoding: 'utf8' }).trim();
  expect(await run(['load', archive])).toMatchObject({ code: 0 });
});

afterAll(async () => {
  await run(['down', '-t', '0']);
  await run(['engine', 'stop']);
  execFileSync(process.execPath, [join(top, 'test/root/forget-engine.mjs'), JSON.stringify(paths)], { stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(folder, { recursive: true, force: true });
});

it('gives each with its owner and mode, in memory, read-only, on a root that is read-only too', async () => {
  expect(await run(['up', '-d'])).toMatchObject({ code: 0, stderr: '' });
  expect(await inside('cat /run/secrets/token')).toBe(SECRETS.variable);
  expect(await inside('cat /opt/keys/app.key')).toBe(SECRETS.file);
  expect(await inside('cat /rules')).toBe(`for me ${SECRETS.config}`);
  expect(await inside('hi')).toBe('hi\n');
  expect(await inside('stat -c "%a %u %g" /run/secrets/token /opt/keys/app.key /usr/local/bin/hi')).toBe('444 0 0\n400 1000 1001\n555 0 0\n');
  expect(await inside('grep -E " (/run/secrets/token|/opt/keys/app.key|/rules|/usr/local/bin/hi) " /proc/self/mounts')).toMatch(/^(tmpfs \S+ tmpfs ro,\S* 0 0\n){4}$/);
  expect(await bayplan(['--root', paths.root, 'exec', 'app', 'sh', '-c', 'echo x > /run/secrets/token'], { cwd: project })).toMatchObject({ code: 1 });
});

it('keeps the bytes in a store of mode 0600 alone', async () => {
  expect(stored()).toHaveLength(4);
  for (const name of readdirSync(paths.contents)) expect(statSync(join(paths.contents, name)).mode & 0o777).toBe(0o600);
  expect(statSync(paths.contents).mode & 0o777).toBe(0o700);
  expect(leaks()).toBe('');
});

it('tells nobody what they hold', async () => {
  expect(await run(['plan'])).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
  for (const args of [['plan', '--format', 'json'], ['ps', '-a', '--format', 'json'], ['logs']]) await run(args);
  for (const path of ['/stacks', '/stacks/demo', '/containers/json?all=1', '/containers/demo-app-1/json', '/info']) {
    const answer = await get(path);
    expect(answer).toMatch(/^[{[]/);
    said.push(answer);
  }
  expect(await get('/stacks/demo')).toContain('secret demo_token');
  for (const secret of Object.values(SECRETS)) expect(said.join('')).not.toContain(secret);
});

it('makes a service anew when one changes, and keeps what the revision before it needs', async () => {
  const before = stored();
  const changed = await run(['plan'], { TOKEN: 'another' });
  expect(changed).toMatchObject({ code: 2 });
  expect(changed.stdout).toContain('create-container demo-app-1  (secret demo_token changed)');
  expect(changed.stdout).not.toContain('demo-other-1');
  expect(stored()).toEqual(before);
  expect((await run(['up', '-d'], { TOKEN: 'another' })).code).toBe(0);
  expect(await inside('cat /run/secrets/token')).toBe('another');
  expect(stored()).toHaveLength(before.length + 1);
  expect(stored()).toEqual(expect.arrayContaining([...before]));
});

it('gives a container what it was made with when it starts again', async () => {
  const started = async (): Promise<unknown> => JSON.parse(await get('/containers/demo-app-1/json')).State.StartedAt;
  const before = await started();
  await get('/containers/demo-app-1/restart?t=0', 'POST');
  expect(await started()).not.toBe(before);
  expect(await inside('cat /run/secrets/token')).toBe('another');
});

it('says what is missing, where it is declared, and touches nothing', async () => {
  writeFileSync(join(project, 'wrong.yaml'), stack().replace('{ file: ./key }', '{ file: ./nowhere }').replace('content: "for', 'external: true }\n  unused: { content: "for'));
  expect(await run(['-f', 'wrong.yaml', 'up', '-d'])).toMatchObject({ code: 1, stderr: `bayplan: ${join(project, 'wrong.yaml')}:21:3: secrets.key: file ${join(project, 'nowhere')} does not exist; create it\n` });
  writeFileSync(join(project, 'nowhere'), 'x');
  expect(await run(['-f', 'wrong.yaml', 'plan'])).toMatchObject({ code: 1, stderr: expect.stringContaining('config rules is declared external, and no stack that is up has one of that name') });
  expect(await inside('cat /run/secrets/token')).toBe('another');
});

it('leaves nothing behind', async () => {
  expect((await run(['down', '-t', '0'])).code).toBe(0);
  expect(stored()).toEqual([]);
  await eventually(() => expect(leftovers(paths)).toEqual([]));
  expect(leaks()).toBe('');
});
