import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { gitCheckout } from '../../src/cli/git-checkout.ts';
import { configJson, formatMistake, loadStack } from '../../src/stack/index.ts';
import { parseRemote } from '../../src/stack/remote.ts';

// Stack files in a git repository, served by git's own daemon on loopback.
describe('a stack file from git', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-git-'));
  const env = { HOME: folder, PATH: process.env['PATH'] ?? '', XDG_CACHE_HOME: join(folder, 'cache') };
  let daemon: ChildProcess;
  let silent: Server;
  let port = 0;
  let first = '';
  const git = (...args: readonly string[]): string => execFileSync('git', ['-C', join(folder, 'work'), '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const write = (path: string, text: string): void => { mkdirSync(join(folder, 'work', path, '..'), { recursive: true }); writeFileSync(join(folder, 'work', path), text); };
  const url = (fragment: string): string => `git://127.0.0.1:${String(port)}/stacks.git${fragment}`;
  const located = (text: string, limits?: Parameters<typeof gitCheckout>[2]): string => {
    const remote = parseRemote(text);
    if (remote?.kind !== 'git') throw new Error(`no git: ${text}`);
    const found = gitCheckout(remote, env, limits);
    return 'file' in found ? readFileSync(found.file, 'utf8') : found.problem;
  };
  const load = (text: string): ReturnType<typeof loadStack> => loadStack({
    files: ['/app/compose.yaml'], workingDir: '/app', projectName: null, environment: {}, profiles: [], envFiles: null,
    read: (path) => (path === '/app/compose.yaml' ? text : existsSync(path) ? readFileSync(path, 'utf8') : null), locate: (remote) => (remote.kind === 'git' ? gitCheckout(remote, env) : { problem: 'no' }),
  });

  beforeAll(async () => {
    mkdirSync(join(folder, 'work'));
    git('init', '-q', '-b', 'main');
    write('compose.yaml', 'services:\n  top: {image: first}\n');
    write('sub/db.yaml', 'services:\n  db: {image: "db:${TAG:-none}", env_file: db.env, volumes: ["./data:/data"]}\n');
    write('sub/db.env', 'A=from-git\n');
    write('sub/.env', 'TAG=of-git\n');
    write('none/readme', 'no stack here\n');
    symlinkSync('/etc/passwd', join(folder, 'work', 'leak.yaml'));
    git('add', '-A');
    git('commit', '-qm', 'one');
    git('tag', '-a', 'v1', '-m', 'v1');
    first = git('rev-parse', 'HEAD');
    write('compose.yaml', 'services:\n  top: {image: second}\n');
    git('commit', '-qam', 'two');
    execFileSync('git', ['clone', '-q', '--bare', join(folder, 'work'), join(folder, 'served', 'stacks.git')], { stdio: 'ignore' });
    execFileSync('git', ['-C', join(folder, 'served', 'stacks.git'), 'config', 'uploadpack.allowReachableSHA1InWant', 'true']);
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => { free.once('listening', resolve); });
    const address = free.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise((resolve) => { free.close(resolve); });
    daemon = spawn('git', ['daemon', '--reuseaddr', '--export-all', `--base-path=${join(folder, 'served')}`, '--listen=127.0.0.1', `--port=${String(port)}`], { stdio: 'ignore', detached: true });
    silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => { silent.once('listening', resolve); });
    await vi.waitFor(() => { expect(located(url(''))).toContain('second'); }, { timeout: 10_000, interval: 100 });
  });
  afterAll(() => {
    if (daemon.pid !== undefined) process.kill(-daemon.pid);
    silent.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is that of the branch, tag or commit, and in the folder that is named', () => {
    expect(located(url('#main'))).toContain('second');
    expect(located(url('#v1'))).toContain('first');
    expect(located(url(`#${first}`))).toContain('first');
    expect(located(url('#main:sub/db.yaml'))).toContain('db:');
    expect(located(url('#:compose.yaml'))).toContain('second');
  });

  test('is fetched once a commit', () => {
    located(url('#main'));
    const [repository = ''] = readdirSync(join(folder, 'cache/bayplan/git'));
    expect(readdirSync(join(folder, 'cache/bayplan/git', repository)).sort()).toEqual([first, git('rev-parse', 'HEAD')].sort());
  });

  test('is included and extended with its own paths and variables', () => {
    const { project, mistakes } = load(`include: ["${url('#main:sub/db.yaml')}"]\nservices:\n  own: {extends: {file: "${url('#v1')}", service: top}, user: me}\n`);
    expect(mistakes).toEqual([]);
    if (project === null) throw new Error('no project');
    expect(JSON.parse(configJson(project))).toMatchObject({ services: { own: { image: 'first', user: 'me' }, db: { image: 'db:of-git', environment: { A: 'from-git' }, volumes: [{ source: expect.stringMatching(/\/cache\/bayplan\/git\/[0-9a-f]{16}\/[0-9a-f]{40}\/sub\/data$/) }] } } });
  });

  test('that is not there is a mistake at its place', () => {
    const of = (fragment: string): string => load(`include:\n  - "${url(fragment)}"\nservices: {}\n`).mistakes.map(formatMistake).join('\n');
    expect(of('#nosuch')).toBe(`/app/compose.yaml:2:5: include: ${url('')} has no branch or tag "nosuch"; correct what stands behind the "#"`);
    expect(of('#main:no.yaml')).toBe(`/app/compose.yaml:2:5: include: ${url('')} has no file "no.yaml"; correct what stands behind the ":"`);
    expect(of('#main:none')).toContain('has no compose.yaml in "none"');
    // Nothing of this machine is read through a repository.
    expect(of('#main:../../../../../../etc/passwd')).toContain('has no file');
    expect(of('#main:leak.yaml')).toContain('has no file');
    expect(located(`git://127.0.0.1:${String(port)}/nosuch.git`)).toMatch(/^cannot fetch git:\/\/.*nosuch\.git: /);
  });

  test('is named in messages without the password in its address', () => {
    const secret = (text: string): string => text.replace('git://', 'git://me:s3cret@');
    for (const said of [located(secret(url(''))), located(secret(`${url('').slice(0, -4)}-none.git#main`)), located(secret(url(`#${'a'.repeat(40)}`)))]) {
      expect(said).toMatch(/^cannot fetch git:\/\/127\.0\.0\.1:\d+\/stacks/);
      expect(said).not.toContain('s3cret');
    }
  });

  test('is bounded in time and size', () => {
    const address = silent.address();
    const begin = performance.now();
    expect(located(`git://127.0.0.1:${String(typeof address === 'object' && address !== null ? address.port : 0)}/x`, { timeoutMs: 500, mostBytes: 2 ** 20 })).toMatch(/did not answer within 0\.5 s$/);
    expect(performance.now() - begin).toBeLessThan(30_000); // git itself would wait for ever
    rmSync(join(folder, 'cache'), { recursive: true });
    expect(located(url('#v1'), { timeoutMs: 10_000, mostBytes: 64 })).toMatch(/MiB of files; a repository of stack files may have|is larger than/);
    expect(readdirSync(join(folder, 'cache'), { recursive: true }).filter((name) => String(name).includes(first))).toEqual([]);
  });
});
