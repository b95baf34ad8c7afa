import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DockerConfig } from '../../src/client/docker-config.ts';
import { Console } from './console.ts';

let cli: Console;
let folder = '';
beforeEach(async () => {
  cli = await new Console().open();
  folder = mkdtempSync(join(tmpdir(), 'bayplan-login-'));
  cli.env = { DOCKER_CONFIG: folder };
});
afterEach(() => {
  cli.close();
  rmSync(folder, { recursive: true });
});

const kept = (host: string): Promise<unknown> => new DockerConfig(cli.env).credentials(host);
const credentials = (username: string, password: string): object => ({ username, password, identitytoken: '' });

test('login checks credentials and keeps them, logout forgets them', async () => {
  cli.stdin = Readable.from(['right\n']);
  expect(await cli.run('login', '-u', 'me', '--password-stdin', 'https://r.example:5000/v2/')).toBe(0);
  expect([cli.out, cli.err]).toEqual(['Login Succeeded\n', `WARNING: the password stands unencrypted in ${join(folder, 'config.json')}; a credential helper ("credsStore" there) would encrypt it\n`]);
  expect(cli.engine.calls).toEqual(['verify r.example:5000 me']);
  expect(await kept('r.example:5000')).toEqual(credentials('me', 'right'));
  expect(await cli.run('login', 'r.example:5000')).toBe(0);
  expect(cli.out).toBe('Authenticating with the credentials that are kept for r.example:5000\nLogin Succeeded\n');
  expect(await cli.run('logout', 'r.example:5000')).toBe(0);
  expect(cli.out).toBe('Removing login credentials for r.example:5000\n');
  await cli.run('logout', 'r.example:5000');
  expect(cli.out).toBe('Not logged in to r.example:5000\n');
});

test('without a server it is Docker\'s own registry', async () => {
  expect(await cli.run('login', '-u', 'me', '-p', 'right')).toBe(0);
  expect(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))).toEqual({ auths: { 'https://index.docker.io/v1/': { auth: Buffer.from('me:right').toString('base64') } } });
});

test('on a terminal it asks, and shows no letter of the password', async () => {
  const typed = Object.assign(new PassThrough(), { isTTY: true });
  cli.stdin = typed;
  const running = cli.run('login', 'r.example');
  await expect.poll(() => cli.out).toBe('Username for r.example: ');
  typed.write('me\n');
  await expect.poll(() => cli.out).toContain('Password: ');
  typed.write('righx\x7ft\r');
  expect(await running).toBe(0);
  expect(cli.out).toBe('Username for r.example: Password: \nLogin Succeeded\n');
  expect(await kept('r.example')).toEqual(credentials('me', 'right'));
});

test('what is refused is not kept', async () => {
  expect(await cli.run('login', '-u', 'me', '-p', 'wrong', 'r.example')).toBe(1);
  expect([cli.out, cli.err]).toEqual(['', 'bayplan: registry r.example does not take these credentials\n']);
  expect(await kept('r.example')).toBeNull();
});

test.each<[readonly string[], RegExp]>([
  [[], /there is no terminal to ask on: give --username and --password-stdin/], [['--password-stdin'], /give --username with --password-stdin/],
  [['-u', 'me', '-p', 'x', '--password-stdin'], /give either --password or --password-stdin/], [['-u', 'me', '-p', ''], /the password is empty/],
])('login %j is refused in a line', async (options, words) => {
  expect(await cli.run('login', ...options)).toBe(1);
  expect(cli.err).toMatch(words);
  expect(cli.engine.calls).toEqual([]);
});

test('a damaged config.json is named', async () => {
  writeFileSync(join(folder, 'config.json'), '{');
  expect(await cli.run('login', '-u', 'me', '-p', 'right')).toBe(1);
  expect(cli.err).toContain(`${join(folder, 'config.json')}: this is not what docker writes`);
});
