import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DriftAnswer } from '../../src/state/drift.ts';
import { BayplanError } from '../../src/state/bayplan-error.ts';
import type { Step } from '../../src/state/plan.ts';
import { container, record } from '../api/fake-engine.ts';
import { Console } from './console.ts';

let cli: Console;

beforeEach(async () => {
  cli = await new Console().open();
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.all.set('shop-db-1', container(2, 'db', { phase: 'exited', exitCode: 3, finishedAt: Date.now() - 5_100 }));
});
afterEach(() => cli.close());

const STEP: Step = { id: 'start-container shop-web-1', action: 'start-container', args: { name: 'shop-web-1' }, needs: [], why: 'it does not run' };
const FILE = 'name: shop\nservices:\n  web:\n    image: nginx:1\n';

test('ps lists what runs, with -a all, and the same as JSON', async () => {
  expect(await cli.run('-p', 'shop', 'ps')).toBe(0);
  expect(cli.out).toBe(
    'NAME         IMAGE     COMMAND          SERVICE   CREATED              STATUS                        PORTS\n'
    + 'shop-web-1   nginx:1   "/entry serve"   web       About a minute ago   Up About a minute (healthy)   0.0.0.0:8080->80/tcp\n');
  await cli.run('ps', '-p', 'shop', '-a', '--format', 'json');
  expect(cli.out.trim().split('\n').map((line) => JSON.parse(line))).toMatchObject([{ Name: 'shop-db-1', State: 'exited', ExitCode: 3 }, { Name: 'shop-web-1', Health: 'healthy', Publishers: [{ PublishedPort: 8080 }] }]);
  await cli.run('ps', '-p', 'other');
  expect(cli.out.trim().split('\n')).toHaveLength(1);
});

test('logs leave out one-offs, as docker compose does, and show them where all are asked for', async () => {
  const web = container(1, 'web');
  cli.engine.all.set('shop-web-run-1', { ...container(8, 'web'), identity: { ...web.identity, owner: 'oneoff', slot: 0 } });
  cli.engine.all.set('shop-web-job-1', { ...container(9, 'web'), identity: { ...web.identity, owner: 'oneoff', slot: 1 } });
  for (const name of ['web-1', 'web-run-1', 'web-job-1']) cli.engine.records.set(`shop-${name}`, [record(1000, 'stdout', `${name} wrote\n`)]);
  expect(await cli.run('logs', '-p', 'shop', 'web')).toBe(0);
  expect(cli.out.split('\n').sort()).toEqual(['', 'web-1      | web-1 wrote', 'web-job-1  | web-job-1 wrote']);
  await cli.run('logs', '-p', 'shop', '-a', 'web');
  expect(cli.out).toContain('web-run-1  | web-run-1 wrote\n');
});

test('logs are behind coloured names, or plain, or without', async () => {
  cli.engine.records.set('shop-web-1', [record(1000, 'stdout', 'one\ntwo\n')]);
  cli.engine.records.set('shop-db-1', [record(2000, 'stderr', 'three')]);
  expect(await cli.run('logs', '-p', 'shop')).toBe(0);
  expect(cli.out).toBe('web-1  | one\nweb-1  | two\ndb-1   | three\n');
  await cli.run('--ansi', 'always', 'logs', '-p', 'shop', 'db');
  expect(cli.out).toBe('\u001b[36mdb-1  | \u001b[39mthree\n');
  await cli.run('logs', '-p', 'shop', '--no-log-prefix', '-t', '-n', '1', 'web');
  expect(cli.out).toMatch(/^1970-01-01T00:00:01.000000000Z /);
  expect(await cli.run('logs', '-p', 'shop', '--index', '5', 'web')).toBe(1);
  expect(cli.err).toBe('bayplan: no container 5 of web in stack "shop": see `bayplan ps -a`\n');
  expect(await cli.run('logs', '-p', 'none')).toBe(1);
  expect(cli.err).toBe('bayplan: there is no stack "none"\n');
  expect(await cli.run('logs', '-p', 'shop', 'web', 'nosuch')).toBe(1);
  expect([cli.out, cli.err]).toEqual(['', 'bayplan: no service "nosuch" in stack "shop": it has db, web\n']);
});

test('exec passes streams and the exit status through, and arguments that look like options', async () => {
  cli.stdin = Readable.from(['typed']);
  expect(await cli.run('exec', '-p', 'shop', '-T', 'web', 'sh', '-c', 'cat; echo bad >&2; exit 9')).toBe(9);
  expect([cli.out, cli.err]).toEqual(['typed', 'bad\n']);
  expect(await cli.run('exec', '-p', 'shop', 'db', 'true')).toBe(1);
  expect(cli.err).toBe('bayplan: no container of service "db" is running in stack "shop": see `bayplan ps -a`\n');
  expect(await cli.run('exec', '-p', 'shop', '--index', '5', 'web', 'true')).toBe(1);
  expect(cli.err).toContain('no container 5 of service "web" is running');
  expect(await cli.run('exec', '-p', 'shop', 'nosuch', 'true')).toBe(1);
  expect(cli.err).toBe('bayplan: no service "nosuch" in stack "shop": it has db, web\n');
});

test('exec goes into a one-off where nothing else of the service runs', async () => {
  const db = container(2, 'db', { phase: 'exited' });
  cli.engine.all.set('shop-db-run-1', { ...container(8, 'db'), identity: { ...db.identity, owner: 'oneoff', slot: 0 } });
  expect([await cli.run('exec', '-p', 'shop', '--dry-run', 'db', 'true'), cli.out]).toEqual([0, 'exec-container shop-db-run-1  (true)\n']);
  expect(await cli.run('exec', '-p', 'shop', '-T', 'db', 'true')).toBe(0);
  expect(await cli.run('exec', '-p', 'shop', '-T', '--index', '1', 'db', 'true')).toBe(1);
  expect(await cli.run('exec', '-p', 'shop', '-T', '--index', '0', 'web', 'true')).toBe(0);
});

test('an interrupt of exec goes to the command, the second one ends it', async () => {
  const interrupted = async (script: string): Promise<number> => {
    const ended = cli.run('exec', '-p', 'shop', '-T', 'web', 'sh', '-c', script);
    await expect.poll(() => cli.out).toBe('ready\n');
    for (const handler of cli.interrupts) handler('SIGINT');
    if (script.includes("trap ''")) for (const handler of cli.interrupts) handler('SIGINT');
    return await ended;
  };
  expect(await interrupted('trap "exit 7" INT; echo ready; while :; do sleep 0.05; done')).toBe(7);
  expect(await interrupted("trap '' INT; echo ready; while :; do sleep 0.05; done")).toBe(137);
});

test('up -d prints each step as it ends', async () => {
  cli.write('compose.yaml', FILE);
  cli.engine.pass = [
    { version: 1, type: 'plan', plan: { steps: [STEP], notes: ['a note'], wakeAt: null } },
    { version: 1, type: 'step', id: STEP.id, state: 'started', ms: 0, message: '' }, { version: 1, type: 'step', id: STEP.id, state: 'done', ms: 5, message: '' },
    { version: 1, type: 'plan', plan: { steps: [], notes: ['a note'], wakeAt: null } }, { version: 1, type: 'end', ok: true, revision: 1, message: '' },
  ];
  expect(await cli.run('up', '-d', '--wait')).toBe(0);
  expect(cli.out).toMatch(/^note: a note\n.*start-container shop-web-1.*\n$/);
  expect(cli.engine.calls).toEqual(['apply shop wait=true']);
});

test('up that fails says what failed and what was skipped, and exits with 1', async () => {
  cli.write('compose.yaml', FILE);
  cli.engine.pass = [
    { version: 1, type: 'plan', plan: { steps: [STEP], notes: [], wakeAt: null } },
    { version: 1, type: 'step', id: STEP.id, state: 'failed', ms: 0, message: 'port taken' }, { version: 1, type: 'step', id: 'x', state: 'skipped', ms: 0, message: 'needs it' },
    { version: 1, type: 'end', ok: false, revision: 1, message: 'stack shop is not complete' },
  ];
  expect(await cli.run('up', '-d')).toBe(1);
  expect(cli.out).toBe('failed: start-container shop-web-1: port taken\nskipped: x: needs it\nbayplan: stack shop is not complete\n');
});

test('what a failure quotes of an image or a container does not steer the terminal', async () => {
  cli.write('compose.yaml', FILE);
  cli.engine.pass = [
    { version: 1, type: 'plan', plan: { steps: [STEP], notes: [], wakeAt: null } },
    { version: 1, type: 'step', id: STEP.id, state: 'failed', ms: 0, message: 'größe \u001b[31m\r\u009b2J\tred' },
    { version: 1, type: 'end', ok: false, revision: 1, message: 'one\ntwo\u0007' },
  ];
  expect(await cli.run('up', '-d')).toBe(1);
  expect(cli.out).toBe('failed: start-container shop-web-1: größe \\x1b[31m\\x0d\\x9b2J\tred\nbayplan: one\nbayplan: two\\x07\n');
});

test('up in the foreground shows output and stops the services at the first Ctrl-C', async () => {
  cli.write('compose.yaml', FILE);
  cli.engine.pass = [{ version: 1, type: 'plan', plan: { steps: [], notes: [], wakeAt: null } }, { version: 1, type: 'end', ok: true, revision: 1, message: '' }];
  const ended = cli.run('up');
  cli.engine.records.set('shop-web-1', [record(1, 'stdout', 'before\n'), record(Date.now() + 1000, 'stdout', 'hello\n')]);
  await expect.poll(() => cli.out).toContain('web-1  | hello\n');
  expect(cli.out).not.toContain('before');
  for (const interrupt of cli.interrupts) interrupt('SIGINT');
  expect(await ended).toBe(130);
  expect(cli.engine.calls).toEqual(['apply shop wait=false', `stop shop-web-1 null 10000`]);
  expect(cli.interrupts.size).toBe(0);
});

test('up in the foreground ends when all have ended', async () => {
  cli.write('compose.yaml', FILE);
  const ended = cli.run('up');
  setTimeout(() => cli.engine.change('shop-web-1', { phase: 'exited', finishedAt: Date.now() }), 50);
  expect(await ended).toBe(0);
});

test('down removes; of nothing it says so', async () => {
  cli.engine.pass = [{ version: 1, type: 'step', id: 'remove-container shop-web-1', state: 'done', ms: 0, message: '' }, { version: 1, type: 'end', ok: true, revision: 1, message: '' }];
  expect(await cli.run('down', '-p', 'shop', '-v', '-t', '3')).toBe(0);
  expect(cli.engine.calls).toEqual(['remove shop volumes=true timeout=3']);
  expect(await cli.run('down', '-p', 'none')).toBe(0);
  expect(cli.out).toBe('nothing to remove: there is no stack "none"\n');
  expect(await cli.run('down', '-p', 'shop', '-t', 'soon')).toBe(1);
});

test('variables come from .env beside the file, or from --env-file instead', async () => {
  cli.write('compose.yaml', 'name: shop\nservices:\n  web:\n    image: nginx:${TAG}\n');
  cli.write('.env', 'TAG=7\n');
  cli.write('other.env', 'TAG=8\n');
  await cli.run('config');
  expect(cli.out).toContain('image: nginx:7');
  await cli.run('config', '--env-file', 'other.env');
  expect(cli.out).toContain('image: nginx:8');
});

test('.env of the folder that a command is called from comes before that of the stack', async () => {
  cli.write('compose.yaml', 'name: shop\nservices:\n  web:\n    image: nginx:${TAG}-${OWN:-none}-${BOTH}\n');
  cli.write('.env', 'TAG=7\nBOTH=outer\n');
  mkdirSync(join(cli.folder, 'below'));
  cli.write('below/.env', 'OWN=inner\nBOTH=inner\n');
  cli.cwd = join(cli.folder, 'below');
  try {
    expect([await cli.run('config', '--images'), cli.out]).toEqual([0, 'nginx:7-inner-inner\n']);
    expect([await cli.run('-f', '../compose.yaml', 'config', '--images'), cli.out]).toEqual([0, 'nginx:7-none-outer\n']);
  } finally {
    cli.cwd = null;
  }
});

test('COMPOSE_FILE of .env is filled in', async () => {
  mkdirSync(join(cli.folder, 'development'));
  cli.write('.env', 'COMPOSE_FILE="${COMPOSE_FILE:-${STAGE:-development}/compose.yaml}"\nIMAGE=test:1\n');
  cli.write('development/compose.yaml', 'name: shop\nservices: {web: {image: "$IMAGE"}}\n');
  expect([await cli.run('config', '--images'), cli.out]).toEqual([0, 'test:1\n']);
  cli.env = { STAGE: 'none' };
  try {
    expect([await cli.run('config', '--images'), cli.err]).toEqual([1, expect.stringContaining('none/compose.yaml')]);
  } finally {
    cli.env = {};
  }
});

test('config --variables as YAML', async () => {
  cli.write('compose.yaml', 'name: shop\nservices:\n  web: {image: "nginx:${TAG:-8080}", command: "${RUN:?}"}\n');
  expect(await cli.run('config', '--variables', '--format', 'yaml')).toBe(0);
  expect(cli.out).toContain('TAG:\n    name: TAG\n    defaultvalue: "8080"\n    presencevalue: ""\n    required: false\n');
});

test('plan exits with 0 where nothing would change', async () => {
  cli.write('compose.yaml', FILE);
  expect(await cli.run('plan')).toBe(0);
  expect(await cli.run('plan', '--format', 'json')).toBe(0);
  expect(JSON.parse(cli.out)).toEqual({ steps: [], notes: [], wakeAt: null });
});

test('plan exits with 2 where something else is desired, though no container changes for it', async () => {
  const changed = 'service job: job.schedule: "0 2 * * *" → "0 3 * * *"';
  cli.engine.preview = { ...cli.engine.preview, plan: { steps: [], notes: [changed], wakeAt: null }, settings: [changed] };
  cli.write('compose.yaml', FILE);
  expect(await cli.run('plan')).toBe(2);
  expect(cli.out).toBe(`note: ${changed}\n`);
  expect(await cli.run('up', '-d', '--dry-run')).toBe(0);
  expect(cli.out).toBe(`note: ${changed}\n`);
});

test('a wrong file gets a line a mistake and nothing is sent', async () => {
  cli.write('compose.yaml', 'services:\n  web:\n    imag: x\n    ports: 5\n');
  expect(await cli.run('up', '-d')).toBe(1);
  expect(cli.err).toMatch(/compose\.yaml:3:5: .*\n {2}3 \| {5}imag: x\n {4}\| {5}\^\n.*compose\.yaml:4:12: .*\n {2}4 \| {5}ports: 5\n {4}\| {12}\^\nbayplan: \d mistakes in the stack file; nothing was changed\n$/);
  expect(cli.engine.calls).toEqual([]);
  expect(await cli.run('up', '-d', '-f', 'none.yaml')).toBe(1);
  expect(cli.err).toContain('none.yaml');
});

test('of very many mistakes the first fifty are told', async () => {
  cli.write('compose.yaml', `services:\n${Array.from({ length: 1000 }, (_, index) => `  s${index}: { image: x, prots: [] }\n`).join('')}`);
  expect(await cli.run('config')).toBe(1);
  expect(cli.err.match(/did you mean "ports"/g)).toHaveLength(50);
  expect(cli.err).toMatch(/\n… and 950 more\nbayplan: 1000 mistakes in the stack file; nothing was changed\n$/);
});

test('config prints the file as it is understood', async () => {
  cli.write('compose.yaml', FILE);
  expect(await cli.run('config')).toBe(0);
  expect(cli.out).toMatch(/^name: shop\n/);
  await cli.run('config', '--format', 'json');
  expect(JSON.parse(cli.out)).toMatchObject({ name: 'shop', services: { web: { image: 'nginx:1' } } });
  await cli.run('config', '--services');
  expect(cli.out).toBe('web\n');
});

test('load takes an archive and an OCI layout as a folder', async () => {
  cli.write('image.tar', 'some bytes');
  expect(await cli.run('load', 'image.tar')).toBe(0);
  expect(cli.out).toBe('Loaded image: nginx:1\n');
  expect(await cli.run('load', '-q', '-i', 'image.tar')).toBe(0);
  expect(await cli.run('load', '-i', 'image.tar', 'image.tar')).toBe(1);
  cli.stdin = Readable.from(['some bytes']);
  expect([await cli.run('load'), cli.out]).toEqual([0, 'Loaded image: nginx:1\n']);
  cli.stdin = Object.assign(Readable.from([]), { isTTY: true });
  expect([await cli.run('load'), cli.err]).toEqual([1, 'bayplan: an archive does not come from a terminal: name a file or folder, or redirect the input\n']);
  mkdirSync(join(cli.folder, 'layout'));
  expect(await cli.run('load', 'layout')).toBe(1);
  expect(cli.err).toContain('no OCI image layout');
  writeFileSync(join(cli.folder, 'layout/oci-layout'), '{}');
  expect(await cli.run('load', 'layout')).toBe(0);
  expect(await cli.run('load', 'nowhere.tar')).toBe(1);
  expect(cli.err).toMatch(/^bayplan: no file or folder .*nowhere.tar to load\n$/);
});

test('version, and the engine\'s status', async () => {
  await cli.run('version');
  expect(cli.out).toBe('bayplan 1.2.3\nengine  9.9.9 (Docker Engine API 1.51)\n');
  expect(await cli.run('engine', 'status')).toBe(0);
  expect(await cli.run('engine', 'stop')).toBe(0);
  expect(cli.engine.closed).toBe(true);
  expect(await cli.run('engine', 'status')).toBe(3);
  expect(await cli.run('engine', 'stop')).toBe(0);
  expect(cli.out).toBe('no engine is running\n');
});

test('an engine is stopped with its containers, and says of how many', async () => {
  expect(await cli.run('engine', 'stop', '--containers')).toBe(0);
  expect(cli.out).toBe('engine stopped; 2 containers stopped, for the next engine to start\n');
  expect([...cli.engine.all.values()].map(({ status }) => status?.phase)).toEqual(['exited', 'exited']);
});

test('one that could not be stopped with its engine is told, and is a failure', async () => {
  cli.engine.stubborn.add('shop-web-1');
  expect(await cli.run('engine', 'stop', '--containers')).toBe(1);
  expect(cli.out).toBe('engine stopped; 1 container stopped, for the next engine to start; 1 container goes on\n');
});

test('the service that is to run an engine is shown; where there is none to remove, that is said', async () => {
  expect(await cli.run('--root', '/srv/none', 'engine', 'enable', '--dry-run')).toBe(0);
  expect(cli.out).toMatch(/^would write \/etc\/systemd\/system\/bayplan-[0-9a-f]{8}\.service:\n\n\[Unit\]\n[^]*\nRestart=on-failure\n[^]*\nand have systemd run it, now and with the machine\n$/);
  expect(await cli.run('--root', '/srv/none', 'engine', 'disable')).toBe(0);
  expect(cli.out).toMatch(/^there is no \/etc\/systemd\/system\/bayplan-[0-9a-f]{8}\.service: nothing starts the engine with the machine\n$/);
});

test('what engines have left that are gone is named as it is removed', async () => {
  expect(await cli.run('engine', 'sweep', '--dry-run')).toBe(0);
  expect(cli.out).toBe('would remove link bp0000-11111111\nkept /run/bayplan-00001111: it runs\n');
  expect(await cli.run('engine', 'sweep', '--kill', '/srv/gone')).toBe(0);
  expect(cli.out).toBe('removed link bp0000-11111111\n');
  expect(cli.engine.calls.filter((call) => call.startsWith('sweep'))).toEqual(['sweep false true ', 'sweep true false /srv/gone']);
});

test('an engine that cannot run says why in one line', async () => {
  cli.runEngine = async () => { throw new BayplanError('engine-running', 'an engine is running already'); };
  expect(await cli.run('engine', 'run')).toBe(1);
  expect(cli.err).toBe('bayplan: an engine is running already\n');
  // The engine is a chunk of its own, with a class of its own.
  cli.runEngine = async () => { throw Object.assign(new Error('no root'), { name: 'BayplanError', code: 'no-permission' }); };
  expect(await cli.run('engine')).toBe(1);
  expect(cli.err).toBe('bayplan: no root\n');
  cli.runEngine = async () => { throw new Error('a defect'); };
  expect(await cli.run('engine')).toBe(1);
  expect(cli.err).toContain('unexpected error: a defect');
  for (const words of [['bogus'], ['run', 'bogus']]) {
    expect(await cli.run('engine', ...words)).toBe(1);
    expect(cli.err).toBe('bayplan: unknown command "engine bogus": expected run, stop, status, enable, disable or sweep\n');
  }
});

test('a folder called .env holds no variables, and an env file that is a pipe is read once', async () => {
  cli.write('compose.yaml', 'name: shop\nservices: { web: { image: "nginx:${TAG:-1}" } }\n');
  mkdirSync(join(cli.folder, '.env'));
  expect([await cli.run('config', '--images'), cli.out, cli.err]).toEqual([0, 'nginx:1\n', '']);
  const pipe = join(cli.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const writer = spawn('sh', ['-c', `echo TAG=2 >${pipe}`]);
  expect([await cli.run('--env-file', pipe, 'config', '--images'), cli.out, cli.err]).toEqual([0, 'nginx:2\n', '']);
  await once(writer, 'close');
});

test('run takes a service whose profile is not active otherwise', async () => {
  cli.write('compose.yaml', 'name: shop\nservices:\n  web:\n    image: nginx:1\n  task:\n    image: nginx:1\n    profiles: [tools]\n');
  await cli.run('run', '-d', 'task'); // the engine of this test keeps no one-off to start
  expect(cli.engine.calls).toContain('one-off of shop');
  expect(await cli.run('run', '-d', 'nosuch')).toBe(1);
  expect(cli.err).toBe('bayplan: no service "nosuch" in the stack file: it has web\n');
});

test('options before the command, and what they cannot be', async () => {
  cli.write('compose.yaml', 'name: shop\nservices:\n  web:\n    image: nginx:1\n    profiles: [gpu]\n');
  expect(await cli.run('--profile', 'gpu', 'config')).toBe(0);
  expect(cli.out).toContain('web:');
  expect(await cli.run('up', '-d')).toBe(1);
  expect(cli.err).toMatch(/^bayplan: no service to bring up/);
  expect(await cli.run('-p', 'BAD_Name!', 'ps')).toBe(1);
  expect(cli.err).toMatch(/^bayplan: expected a project name .* got "BAD_Name!"\n$/);
  for (const flag of ['-v', '--version']) {
    expect(await cli.run(flag)).toBe(0);
    expect(cli.out).toMatch(/^bayplan \S+\n$/);
  }
});

test('several steps that fail are told once', async () => {
  cli.write('compose.yaml', FILE);
  cli.engine.pass = [
    ...['x', 'y'].map((id) => ({ version: 1 as const, type: 'step' as const, id, state: 'failed' as const, ms: 0, message: 'no' })),
    { version: 1, type: 'end', ok: false, revision: 1, message: 'x: no\ny: no' },
  ];
  expect(await cli.run('up', '-d')).toBe(1);
  expect(cli.out).toBe('failed: x: no\nfailed: y: no\n');
});

test('help and unknown commands', async () => {
  expect(await cli.run('--help')).toBe(0);
  expect(cli.out).toContain('Usage: bayplan');
  expect(await cli.run('upp')).toBe(1);
  expect(cli.err).toMatch(/^bayplan: unknown command 'upp'/);
});


test('history, diff and rollback', async () => {
  cli.write('compose.yaml', FILE);
  cli.engine.revisions = [
    { version: 1, revision: 2, at: Date.UTC(2026, 0, 2, 3, 4, 5), title: 'up', current: true, changes: ['service web: user: "" → "1"', 'network shop_back added'] },
    { version: 1, revision: 1, at: 0, title: 'up', current: false, changes: [] },
  ];
  cli.engine.revisions = [{ version: 1, revision: 3, at: 0, title: 'rollback to 1', why: 'it ended', current: false, changes: ['x'] }, ...cli.engine.revisions];
  expect([await cli.run('history'), cli.out]).toEqual([0, expect.stringMatching(/^3 +rollback to 1 +after a failure: it ended \(and 1 more\)$/m)]);
  cli.engine.revisions = cli.engine.revisions.slice(1);
  cli.engine.calls.splice(0);
  expect(await cli.run('history')).toBe(0);
  expect(cli.out).toBe('REVISION   ACCEPTED               BY        CHANGES\n2 *        2026-01-02T03:04:05Z   up        service web: user: "" → "1" (and 1 more)\n1                                 up\n');
  cli.engine.pass = [{ version: 1, type: 'plan', plan: { steps: [], notes: [], wakeAt: null } }, { version: 1, type: 'end', ok: true, revision: 3, message: '' }];
  expect(await cli.run('diff', '1', '2')).toBe(2);
  expect(await cli.run('diff', '2', '2')).toBe(0);
  expect(await cli.run('rollback')).toBe(0);
  expect(await cli.run('rollback', '1')).toBe(0);
  expect(cli.engine.calls.slice(1)).toEqual(['diff shop 1 2', 'diff shop 2 2', `rollback shop null from=${cli.folder}`, `rollback shop 1 from=${cli.folder}`]);
  expect(await cli.run('rollback', 'x')).not.toBe(0);
});

test('a stack can be made what it was where up fails: by option, or as the file says', async () => {
  cli.engine.pass = [{ version: 1, type: 'plan', plan: { steps: [], notes: [], wakeAt: null } }, { version: 1, type: 'end', ok: true, revision: 1, message: '' }];
  cli.write('compose.yaml', FILE);
  expect(await cli.run('up', '-d')).toBe(0);
  expect(cli.engine.lastRequest?.onFailure).toBeUndefined();
  expect(await cli.run('up', '-d', '--rollback-on-failure')).toBe(0);
  expect(cli.engine.lastRequest?.onFailure).toBe('rollback');
  cli.write('compose.yaml', `${FILE}x-bayplan: { on_failure: rollback }\n`);
  expect(await cli.run('up', '-d')).toBe(0);
  expect(cli.engine.lastRequest?.onFailure).toBe('rollback');
});

test('plan --drift says what was expected and found, what becomes of it, and what is held', async () => {
  cli.write('compose.yaml', FILE);
  expect(await cli.run('plan', '--drift')).toBe(0);
  expect(cli.out).toBe('no drift\n');
  const held: DriftAnswer = { version: 1, object: 'container', name: 'shop-db-1', drift: [], fate: 'held', state: 'held' };
  cli.engine.drift = [held];
  expect(await cli.run('plan', '--drift')).toBe(0);
  cli.engine.drift = [
    { version: 1, object: 'container', name: 'shop-web-1', drift: [{ kind: 'limit', field: 'pids.max', expected: '50', found: '5' }], fate: 'report', state: 'reported' },
    { version: 1, object: 'network', name: 'shop_default', drift: [{ kind: 'rules', field: 'rules', expected: 'a\u001b', found: 'none', by: 'by nft, pid 7' }], fate: 'heal', state: 'given-up' }, held,
  ];
  expect(await cli.run('plan', '--drift')).toBe(2);
  expect(cli.out).toBe('container shop-web-1: pids.max: expected 50, found 5; it is only told\n'
    + 'network shop_default: rules: expected a\\x1b, found none (by nft, pid 7); it was put right twice in a row, without effect\ncontainer shop-db-1: held, since somebody has stopped it; up or start lets it go on\n');
  expect(await cli.run('plan', '--drift', '--format', 'json')).toBe(2);
  expect(JSON.parse(cli.out)).toEqual(cli.engine.drift);
});
