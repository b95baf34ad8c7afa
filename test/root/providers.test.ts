import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { bayplan, Machine, program } from './harness.ts';

// Services that a program of somebody else's provides (docker compose's extension protocol), with programs of the test's own.
const machine = new Machine();
const file = join(machine.folder, 'compose.yaml');
const bin = join(machine.folder, 'bin');
const calls = join(machine.folder, 'calls');
const env = { PATH: `${bin}:${process.env['PATH'] ?? ''}`, DOCKER_CONFIG: join(machine.folder, 'docker'), SECRET: 'of-the-user' };
const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '--file', file, ...args], { cwd: machine.folder, env });
const called = (): readonly string[] => (existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n') : []);

/** Takes down how it was called; answers `lines` to `up`. */
function provider(path: string, lines: readonly string[], more = ''): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh
[ "$2" = metadata ] && { ${more === '' ? 'exit 1' : `echo '${more}'; exit 0`}; }
echo "$(basename $0) $*" >> ${calls}
${lines.map((line) => `[ "$3" = up ] && echo '${line}'`).join('\n')}
exit 0
`);
  chmodSync(path, 0o755);
}
const said = (type: string, message: string): string => JSON.stringify({ type, message });
const SLEEP = 'image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none';
const stack = (options = '{ type: mysql, size: [1, 2] }'): string => `name: demo\nservices:\n  db: { provider: { type: cloud, options: ${options} } }\n  web: { ${SLEEP}, depends_on: [db], environment: { RAW: mine } }\n  other: { ${SLEEP} }\n`;

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
});
beforeEach(() => {
  rmSync(calls, { force: true });
  provider(join(bin, 'cloud'), [said('info', 'preparing'), said('debug', 'not shown'), said('setenv', 'URL=http://db:1?a=b'), said('rawsetenv', 'RAW=theirs')]);
  writeFileSync(file, stack());
});
afterAll(async () => {
  await own('down');
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

it('are brought up first, and who depends on them gets what they answer; they go with down', async () => {
  const up = await own('up', '-d');
  expect(up).toMatchObject({ code: 0, stderr: 'warning: provider "db" overrides environment variable "RAW" in service "web"\n' });
  expect(up.stdout).toMatch(/^provider-up db {2}\(provider cloud\)\ndb: preparing\ncreate-container /);
  expect(called()).toEqual(['cloud compose --project-name=demo up --type=mysql --size=1 --size=2 db']);
  expect((await own('exec', 'web', 'sh', '-c', 'echo $DB_URL $RAW')).stdout).toBe('http://db:1?a=b theirs\n');
  expect((await own('exec', 'other', 'sh', '-c', 'echo $DB_URL $RAW.')).stdout).toBe('.\n');
  // Who only asks what would be done asks no provider.
  expect(await own('plan')).toMatchObject({ code: 0, stdout: 'nothing to do\n' });
  expect(await own('up', '-d', '--dry-run')).toMatchObject({ code: 0, stdout: 'provider-up db  (provider cloud)\n' });
  expect((await own('run', '--rm', '--no-deps', 'web', 'sh', '-c', 'echo $DB_URL')).stdout).toBe('http://db:1?a=b\n');
  expect(called()).toHaveLength(1);
  // What it answers otherwise is another container.
  provider(join(bin, 'cloud'), [said('setenv', 'URL=http://elsewhere')]);
  expect((await own('up', '-d')).stdout).toContain('environment.DB_URL changed');
  expect((await own('exec', 'web', 'sh', '-c', 'echo $DB_URL $RAW')).stdout).toBe('http://elsewhere mine\n');
  expect((await own('down')).stdout).toMatch(/remove-container demo-web-1 [^]*\nprovider-down db {2}\(provider cloud\)\n$/);
  expect(called().at(-1)).toBe('cloud compose --project-name=demo down --type=mysql --size=1 --size=2 db');
});

it('of named services those that they need', async () => {
  expect((await own('up', '-d', '--dry-run', 'other')).stdout).not.toContain('provider');
  await own('up', '-d', 'other');
  await own('up', '-d', '--no-deps', 'other');
  expect(called()).toEqual([]);
  await own('down'); // and none is taken down that nobody has brought up
  expect(called()).toEqual([]);
  expect(await own('plan', '-o', 'kept')).toMatchObject({ code: 1, stderr: 'bayplan: plan -o: service "db": provider cloud has not been asked yet, and what it answers is part of the plan: bring the stack up by "up" first\n' });
  await own('up', '-d', 'other');
  expect(await own('up', '-d', 'db')).toMatchObject({ code: 0 });
  expect(called()).toHaveLength(1);
  expect((await own('ps', '--services')).stdout).toBe('other\n');
  expect(await own('down', 'db')).toMatchObject({ code: 0 });
  expect(called().at(-1)).toContain(' down ');
  expect((await own('ps', '--services')).stdout).toBe('other\n');
  expect(await own('run', '--rm', 'db')).toMatchObject({ code: 1, stderr: 'bayplan: service "db" is no container: provider cloud provides it\n' });
  await own('down');
});

it('a plugin of docker\'s comes before a program; by what it says of itself options are given and stop is asked for', async () => {
  const plugin = join(machine.folder, 'docker/cli-plugins/docker-cloud');
  provider(plugin, [said('setenv', 'A=1')], JSON.stringify({ description: 'x', up: { parameters: [{ name: 'type', required: true }] }, down: { parameters: [] }, stop: { parameters: [{ name: 'size' }] } }));
  try {
    expect(await own('up', '-d')).toMatchObject({ code: 0 });
    expect(await own('stop')).toMatchObject({ code: 0, stdout: expect.stringContaining('provider-stop db  (provider cloud)\n') });
    expect(await own('down')).toMatchObject({ code: 0 });
    expect(called()).toEqual(['docker-cloud compose --project-name=demo up --type=mysql db', 'docker-cloud compose --project-name=demo stop --size=1 --size=2 db', 'docker-cloud compose --project-name=demo down db']);
    writeFileSync(file, stack('{ size: 1 }'));
    expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: 'bayplan: service "db": provider cloud: its parameter "type" is required: add it to options\n' });
  } finally {
    rmSync(plugin);
  }
});

it('what a provider depends on runs before it is asked', async () => {
  writeFileSync(join(bin, 'cloud'), `#!/bin/sh\n[ "$2" = metadata ] && exit 1\n${process.execPath} ${program} --root ${machine.root} -p demo ps --format json base | grep -o '"Health":"[a-z]*"' >> ${calls}\necho '${said('setenv', 'A=1')}'\n`);
  writeFileSync(file, `${stack()}  base: { ${SLEEP}, healthcheck: { test: "true", interval: 1s } }\n`.replace('options: { type: mysql, size: [1, 2] } }', 'options: {} }, depends_on: { base: { condition: service_healthy } }'));
  const up = await own('up', '-d');
  expect(up).toMatchObject({ code: 0, stderr: '' });
  expect(up.stdout).toMatch(/start-container demo-base-1 [^]*provider-up db [^]*start-container demo-web-1 /);
  expect(called()).toEqual(['"Health":"healthy"']);
  expect((await own('up', '-d')).stdout).toBe('provider-up db  (provider cloud)\nnothing to do\n');
  expect((await own('history')).stdout.split('\n').filter((line) => /^\d/.test(line))).toHaveLength(2);
  await own('down');
});

it('of a run alone are taken down too', async () => {
  expect(await own('run', '--rm', 'web', 'sh', '-c', 'echo $DB_URL')).toMatchObject({ code: 0, stdout: 'http://db:1?a=b\n' });
  expect((await own('run', '--rm', '--no-deps', 'web', 'sh', '-c', 'echo $DB_URL')).stdout).toBe('http://db:1?a=b\n');
  expect((await own('ps', '-a', '--services')).stdout).toBe('');
  expect(await own('down')).toMatchObject({ code: 0, stdout: 'provider-down db  (provider cloud)\n' });
  expect(called().map((line) => line.split(' ')[3])).toEqual(['up', 'down']);
});

it('one that cannot be taken down is asked again by the next down, and the others all the same', async () => {
  writeFileSync(file, stack().replace('services:', 'services:\n  queue: { provider: { type: cloud } }'));
  const failing = (verb: string): void => provider(join(bin, 'cloud'), [`' >/dev/null; [ "$3 $4" = "${verb}" ] && exit 3; echo '`]);
  failing('down queue');
  expect(await own('up', '-d')).toMatchObject({ code: 0 });
  expect(await own('down')).toMatchObject({ code: 1, stdout: expect.stringContaining('provider-down db'), stderr: 'bayplan: service "queue": provider cloud: down: it ended with status 3\n' });
  expect((await own('ps', '-a', '--services')).stdout).toBe('');
  failing('nothing');
  rmSync(calls);
  expect(await own('down')).toMatchObject({ code: 0, stdout: expect.stringContaining('provider-down queue') });
  expect(called()).toHaveLength(2);
  expect((await own('ls')).stdout).not.toContain('demo');
});

it('what is refused in any case is refused before one is asked', async () => {
  writeFileSync(file, stack().replace('network_mode: none', 'network_mode: none, volumes_from: ["container:nobody"]'));
  expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no container nobody') });
  expect(called()).toEqual([]);
});

it('one whose answer is none is ended, whatever else it has started', async () => {
  const sleep = `sleep 100 & echo $! >${calls}; echo`;
  provider(join(bin, 'cloud'), [`' >/dev/null; ${sleep} 'what?'; sleep 100; echo '`]);
  const begun = Date.now();
  try {
    expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: expect.stringContaining('its answer is none') });
    expect(Date.now() - begun).toBeLessThan(60_000);
  } finally {
    process.kill(Number(called()[0]), 'SIGKILL');
  }
});

it('what is none, and says no end of things, is told', async () => {
  writeFileSync(join(bin, 'cloud'), '#!/bin/sh\nexec yes "$*"\n');
  expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^bayplan: service "db": provider cloud: its answer is none: .*got compose --project-name=demo up [^\n]*\n$/) });
});

it('one that ends badly, or is not there, is told, and nothing is made', async () => {
  writeFileSync(join(bin, 'cloud'), '#!/bin/sh\n[ "$2" = metadata ] && exit 1\necho it broke >&2\nexit 7\n');
  expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: 'it broke\nbayplan: service "db": provider cloud: up: it ended with status 7\n' });
  rmSync(join(bin, 'cloud'));
  expect(await own('up', '-d')).toMatchObject({ code: 1, stderr: 'bayplan: service "db": provider cloud: there is no plugin docker-cloud of docker\'s, and no program cloud in PATH: install it\n' });
  expect((await own('config', '--format', 'json')).code).toBe(0);
  expect((await own('ps', '-a', '--services')).stdout).toBe('');
});
