import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DockerRegistry } from './docker-registry.ts';
import { bayplan, Machine, program } from './harness.ts';
import { Terminal } from './terminal.ts';

// Logging in to a real registry that lets nobody in but ann, by the password `secret`.
const machine = new Machine();
const config = mkdtempSync(join(tmpdir(), 'bayplan-login-'));
const registry = new DockerRegistry();
const login = (...options: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, 'login', ...options, registry.host], { env: { DOCKER_CONFIG: config } });

beforeAll(async () => { await registry.open({ auth: true }); });
afterAll(async () => {
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
  await registry.close();
  rmSync(config, { recursive: true });
});

test('a wrong password is refused and not kept', async () => {
  expect(await login('-u', 'ann', '-p', 'wrong')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(`bayplan: registry ${registry.host} does not take these credentials`) as string });
  expect(existsSync(join(config, 'config.json'))).toBe(false);
});

test('asked on a terminal, the right one is kept, and never shown', async () => {
  const terminal = new Terminal(`stty -g; ${process.execPath} ${program} --root ${machine.root} login ${registry.host}; echo status $?; stty -g`, { DOCKER_CONFIG: config });
  await terminal.shows(/Username for .*: $/);
  terminal.type('ann\r');
  await terminal.shows(/Password: $/);
  terminal.type('secrex\x7ft\r');
  await terminal.exit;
  expect(terminal.output).toMatch(/Login Succeeded\r\nstatus 0/);
  expect(terminal.output).not.toContain('secre');
  const [before, after] = [...terminal.output.matchAll(/^[0-9a-f]+(:[0-9a-f]+){10,}/gm)].map(([text]) => text);
  expect(before).toBeDefined();
  expect(after).toBe(before);
  expect(JSON.parse(readFileSync(join(config, 'config.json'), 'utf8'))).toEqual({ auths: { [registry.host]: { auth: Buffer.from('ann:secret').toString('base64') } } });
});

test('what is kept is checked again, and forgotten by logout', async () => {
  expect((await login()).stdout).toMatch(/kept for .*\nLogin Succeeded\n$/);
  expect((await bayplan(['logout', registry.host], { env: { DOCKER_CONFIG: config } })).stdout).toBe(`Removing login credentials for ${registry.host}\n`);
  expect(JSON.parse(readFileSync(join(config, 'config.json'), 'utf8'))).toEqual({ auths: {} });
});
