import { afterEach, beforeEach, expect, test } from 'vitest';
import { container, record } from '../api/fake-engine.ts';
import { Console } from './console.ts';

// What up, create, scale and down ask of the engine.
let cli: Console;
const FILE = `name: shop
services:
  web: {image: "nginx:1", depends_on: [db]}
  db: {image: "nginx:1"}
  named: {image: "nginx:1", container_name: mine}
  tool: {image: "nginx:1", profiles: [tools], depends_on: [db]}
  other: {image: "nginx:1", profiles: [tools]}
`;
beforeEach(async () => {
  cli = await new Console().open();
  cli.write('compose.yaml', FILE);
});
afterEach(() => cli.close());

test.each([
  [['up', '-d'], { options: { only: null, recreate: 'changed', recreated: null, renewVolumes: false, goingBack: false }, unstarted: [] }],
  [['--dry-run=false', 'up', '--detach=true', '--force-recreate=false', '--no-deps=1', 'web'], { options: { only: ['web'], recreate: 'changed' } }],
  [['up', '-d', 'web'], { options: { only: ['web', 'db'], recreated: ['web'] } }],
  [['up', '-d', '--no-deps', 'web'], { options: { only: ['web'], recreated: ['web'] } }],
  [['up', '-d', '--force-recreate', '-V', '-t', '3'], { options: { recreate: 'always', renewVolumes: true }, timeout: 3 }],
  [['up', '-d', '--force-recreate', '--always-recreate-deps', 'web'], { options: { recreate: 'always', recreated: ['web', 'db'] } }],
  [['up', '-d', '--no-recreate'], { options: { recreate: 'never' } }],
  [['up', '--no-start'], { unstarted: ['shop-web-1', 'shop-db-1', 'mine'] }],
  [['create', '--scale', 'web=2', 'web'], { options: { only: ['web', 'db'] }, unstarted: ['shop-web-1', 'shop-web-2', 'shop-db-1'] }],
  [['up', '-d', 'tool'], { options: { only: ['tool', 'db'], recreated: ['tool'] }, services: ['db', 'tool'] }],
  [['create', 'tool'], { options: { only: ['tool', 'db'] }, services: ['db', 'tool'] }],
  [['scale', 'tool=2'], { options: { only: ['tool', 'db'] }, services: ['db', 'tool'] }],
  [['scale', 'web=3', 'db=0'], { options: { only: ['web', 'db'] }, replicas: [3, 0] }],
])('%j', async (argv, { options, unstarted, timeout, replicas, services }: { options?: object; unstarted?: string[]; services?: string[]; timeout?: number; replicas?: number[] }) => {
  expect([await cli.run(...argv), cli.err]).toEqual([0, '']);
  const request = cli.engine.lastRequest!;
  if (options !== undefined) expect(request.options).toMatchObject(options);
  if (unstarted !== undefined) expect([...request.desired.unstarted].sort()).toEqual([...unstarted].sort());
  if (services !== undefined) expect(Object.keys(request.desired.services).sort()).toEqual(services);
  if (timeout !== undefined) expect(request.desired.stopTimeoutSeconds).toBe(timeout);
  if (replicas !== undefined) expect([request.desired.services['web']?.replicas, request.desired.services['db']?.replicas]).toEqual(replicas);
});

test('--all-resources makes what no service uses too, without it nobody asks for it', async () => {
  const made = (): readonly unknown[] => [Object.keys(cli.engine.lastRequest?.desired.networks ?? {}).sort(), Object.keys(cli.engine.lastRequest?.desired.volumes ?? {})];
  const resources = 'networks: {spare: {}}\nvolumes: {spare: {labels: {a: b}}}\n';
  cli.write('compose.yaml', `${FILE}${resources}`);
  await cli.run('up', '-d');
  expect(made()).toEqual([['shop_default'], []]);
  for (const line of [['up', '-d'], ['create'], ['plan'], ['up', '-d', 'db']]) {
    await cli.run('--all-resources', ...line);
    expect([line, ...made()]).toEqual([line, ['shop_default', 'shop_spare'], ['shop_spare']]);
  }
  cli.write('compose.yaml', `name: shop\n${resources}`);
  expect([await cli.run('--all-resources', 'up', '-d'), made()]).toEqual([0, [['shop_spare'], ['shop_spare']]]);
  expect(await cli.run('up', '-d')).toBe(1);
});

test('COMPOSE_IGNORE_ORPHANS counts, of .env too, and not beside --remove-orphans', async () => {
  cli.write('.env', 'COMPOSE_IGNORE_ORPHANS=true\n');
  for (const line of [['up', '-d'], ['create'], ['plan']]) {
    await cli.run(...line);
    expect(cli.engine.lastRequest?.options).toMatchObject({ ignoreOrphans: true });
    expect([await cli.run(...line, '--remove-orphans'), cli.err]).toEqual([1, 'bayplan: COMPOSE_IGNORE_ORPHANS and --remove-orphans cannot both be meant\n']);
  }
  cli.env = { COMPOSE_IGNORE_ORPHANS: 'false' };
  await cli.run('up', '-d');
  expect(cli.engine.lastRequest?.options).not.toHaveProperty('ignoreOrphans');
});

test('COMPOSE_REMOVE_ORPHANS and COMPOSE_PROGRESS count where the line does not say, those of .env too', async () => {
  const removed = async (...argv: string[]): Promise<unknown> => {
    expect([await cli.run(...argv), cli.err]).toEqual([0, '']);
    return cli.engine.lastRequest!.desired.remove.orphans;
  };
  expect(await removed('up', '-d')).toBe(false);
  cli.env = { COMPOSE_REMOVE_ORPHANS: 'true', COMPOSE_PROGRESS: 'json' };
  expect(await removed('up', '-d')).toBe(true);
  expect(cli.out.trim().split('\n').map((line): unknown => JSON.parse(line))).not.toEqual([]);
  expect(await removed('up', '-d', '--progress', 'quiet', '--remove-orphans=false')).toBe(false);
  expect(cli.out).toBe('');
  cli.env = {};
  cli.write('.env', 'COMPOSE_REMOVE_ORPHANS=1\n');
  expect([await removed('create'), await removed('plan')]).toEqual([true, true]);
  cli.env = { COMPOSE_PROGRESS: 'fast' };
  expect([await cli.run('up', '-d'), cli.err]).toEqual([1, 'bayplan: COMPOSE_PROGRESS: expected one of auto, tty, plain, json, quiet, got "fast"\n']);
});

test.each([
  [['up', '-d', '--scale', 'web'], /Expected SERVICE=NUMBER/],
  [['up', '-d', '--scale', 'web=99999'], /Expected at most 10000 containers/],
  [['up', '-d', '--scale', 'nosuch=2'], /no service "nosuch" in the stack file/],
  [['scale', 'named=2'], /container_name "mine", which 2 containers cannot share/],
  [['up', '-d', '--force-recreate', '--no-recreate'], /cannot both be meant/],
  [['up', '-d', '--abort-on-container-exit'], /are for the foreground/],
  [['up', '--exit-code-from', 'nosuch'], /no service "nosuch"/],
  [['up', '--attach', 'nosuch'], /no service "nosuch" in the stack file/],
  [['up', '-d', 'nosuch'], /no service "nosuch"/],
])('%j is refused', async (argv, message) => {
  expect(await cli.run(...argv)).toBe(1);
  expect(cli.err).toMatch(message);
  expect(cli.engine.calls).toEqual([]);
});

/** Resolves once `up` has begun to show what the services write. */
async function shown(): Promise<void> {
  while (cli.interrupts.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('up ends with the first container that ends, and with the status of the one that is asked for', async () => {
  for (const [flags, code] of [[['--abort-on-container-exit'], 5], [['--exit-code-from', 'db'], 143]] as const) {
    cli.engine.all.set('shop-web-1', container(1, 'web'));
    cli.engine.all.set('shop-db-1', container(2, 'db'));
    const ended = cli.run('up', ...flags);
    await shown();
    cli.engine.change('shop-web-1', { phase: 'exited', exitCode: 5, finishedAt: Date.now() });
    expect([await ended, cli.err]).toEqual([code, '']);
    expect(cli.out).toContain('shop-web-1 exited with code 5: stopping the services\n');
    expect(cli.engine.all.get('shop-db-1')?.status?.phase).toBe('exited');
  }
});

test('up in the foreground says of each container that it has ended, and of one that ended before nothing', async () => {
  const began = Date.now();
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.all.set('shop-db-1', container(2, 'db'));
  cli.engine.all.set('shop-once-1', container(3, 'once'));
  cli.engine.change('shop-once-1', { phase: 'exited', exitCode: 9, finishedAt: began - 60_000 });
  const ended = cli.run('up');
  await shown();
  cli.engine.change('shop-web-1', { phase: 'exited', exitCode: 5, finishedAt: Date.now() });
  cli.engine.change('shop-db-1', { phase: 'exited', exitCode: 0, finishedAt: Date.now() });
  expect([await ended, cli.err]).toEqual([0, '']);
  expect(cli.out.split('\n').filter((line) => line.includes('exited')).sort()).toEqual(['db-1 exited with code 0', 'web-1 exited with code 5']);
});

test('up of named services in the foreground is over with the last of them, and leaves what they depend on', async () => {
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.all.set('shop-db-1', container(2, 'db'));
  const ended = cli.run('up', 'web');
  await shown();
  cli.engine.change('shop-web-1', { phase: 'exited', exitCode: 5, finishedAt: Date.now() });
  expect([await ended, cli.err]).toEqual([0, '']);
  expect(cli.out).toContain('web-1 exited with code 5\n');
  expect(cli.engine.all.get('shop-db-1')?.status?.phase).toBe('running');
});

test.each([[['web'], ['stop shop-web-1']], [[], ['stop shop-web-1', 'stop shop-db-1']]])('an interrupt of up %j stops what was meant, in order, and neither what that depends on nor what the file does not have', async (services, stopped) => {
  for (const [index, service] of ['web', 'db', 'stranger'].entries()) cli.engine.all.set(`shop-${service}-1`, container(index + 1, service));
  const ended = cli.run('up', ...services);
  await shown();
  for (const interrupt of cli.interrupts) interrupt('SIGINT');
  expect(await ended).toBe(130);
  expect(cli.engine.calls.filter((call) => call.startsWith('stop ')).map((call) => call.split(' ').slice(0, 2).join(' '))).toEqual(stopped);
});

test('an end that is seen as it comes is told once', async () => {
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.all.set('shop-db-1', container(2, 'db'));
  const ended = cli.run('up');
  await shown();
  await new Promise((resolve) => setTimeout(resolve, 150)); // by then the logs are followed
  cli.engine.change('shop-web-1', { phase: 'exited', exitCode: 5, finishedAt: Date.now() });
  while (!cli.out.includes('web-1 exited')) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 150)); // and looked at again
  cli.engine.change('shop-db-1', { phase: 'exited', exitCode: 0, finishedAt: Date.now() });
  expect([await ended, cli.out.match(/exited with code/g)?.length]).toEqual([0, 2]);
});

test('what services write to stderr in the foreground is on stderr', async () => {
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.records.set('shop-web-1', [record(Date.now() + 60_000, 'stdout', 'good\n'), record(Date.now() + 60_000, 'stderr', 'bad\n')]);
  const ended = cli.run('up');
  await shown();
  cli.engine.change('shop-web-1', { phase: 'exited', exitCode: 0, finishedAt: Date.now() });
  expect([await ended, cli.err]).toEqual([0, 'web-1  | bad\n']);
  expect(cli.out).toContain('web-1  | good\n');
  expect(cli.out).not.toContain('bad');
});

test('up of a service needs no env file of another', async () => {
  cli.write('compose.yaml', `${FILE}  lone: {image: "nginx:1", env_file: none.env}\n`);
  expect([await cli.run('up', '-d', 'web'), cli.err]).toEqual([0, '']);
  expect([await cli.run('up', '-d', 'lone'), cli.err]).toEqual([1, expect.stringContaining('none.env does not exist')]);
  expect(await cli.run('up', '-d')).toBe(1);
});

test('up and run of a service need no config or secret of another', async () => {
  cli.write('compose.yaml', `${FILE}  lone: {image: "nginx:1", configs: [c]}\nconfigs: {c: {environment: NOBODY_SETS_IT}}\n`);
  expect([await cli.run('up', '-d', 'web'), cli.err]).toEqual([0, '']);
  await cli.run('run', '-d', 'web'); // the engine of this test keeps no one-off to start
  expect(cli.engine.calls).toContain('one-off of shop');
  for (const line of [['up', '-d', 'lone'], ['up', '-d'], ['run', 'lone']]) expect([await cli.run(...line), cli.err]).toEqual([1, expect.stringContaining('configs.c: variable NOBODY_SETS_IT is not set')]);
});

test('up that waits for failures passes over a good end', async () => {
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.all.set('shop-db-1', container(2, 'db'));
  const ended = cli.run('up', '--abort-on-container-failure');
  await shown();
  cli.engine.change('shop-web-1', { phase: 'exited', exitCode: 0, finishedAt: Date.now() });
  cli.engine.change('shop-db-1', { phase: 'exited', exitCode: 6, finishedAt: Date.now() });
  expect(await ended).toBe(6);
});

test('down of services, and of images', async () => {
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  expect(await cli.run('-p', 'shop', 'down', '-v', '-t', '2', 'web')).toBe(0);
  expect(await cli.run('-p', 'shop', 'down', '--rmi', 'all')).toBe(0);
  expect(cli.engine.calls).toEqual(['remove shop services=["web"] timeoutSeconds=2 stop=true oneOffs=true volumes="named"', 'remove shop volumes=false timeout=null', 'remove image nginx:1 force=false']);
  expect(await cli.run('-p', 'shop', 'down', '--rmi', 'some')).toBe(1);
});
