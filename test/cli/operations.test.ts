import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { container } from '../api/fake-engine.ts';
import { Console } from './console.ts';

let cli: Console;

beforeEach(async () => {
  cli = await new Console().open();
  cli.write('compose.yaml', 'name: other\nservices: {web: {image: "nginx:1"}}\n'); // else one is looked for above
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.all.set('shop-db-1', container(2, 'db', { phase: 'exited', exitCode: 3, finishedAt: Date.now() - 5_100 }));
});
afterEach(() => cli.close());

test.each([
  [['stop'], 'stop shop', 'nothing to stop\n'],
  [['stop', '-t', '3', 'web'], 'stop shop services=["web"] timeoutSeconds=3', 'nothing to stop\n'],
  [['start'], 'start shop', 'nothing to do\n'],
  [['start', '--wait-timeout', '9', 'db'], 'start shop services=["db"] wait=true', 'nothing to do\n'],
  [['restart', '--no-deps', '-t', '0', 'web'], 'restart shop services=["web"] timeoutSeconds=0 dependencies=false', 'nothing to do\n'],
  [['pause', 'web'], 'pause shop services=["web"]', 'nothing to pause\n'],
  [['unpause'], 'unpause shop', 'nothing to unpause\n'],
  [['kill', '-s', 'USR1'], 'kill shop signal="USR1"', 'no container to kill\n'],
  [['rm', '-f'], 'remove shop', 'Going to remove shop-db-1\nNo stopped containers\n'],
  [['rm', '-fsv', 'web'], 'remove shop services=["web"] stop=true volumes="anonymous"', 'Going to remove shop-web-1\nNo containers\n'],
])('%j', async (argv, call, out) => {
  expect(await cli.run('-p', 'shop', ...argv)).toBe(0);
  expect([cli.engine.calls, cli.out]).toEqual([[call], out]);
});

test('restart of a stack whose file has mistakes is a restart all the same, and says so', async () => {
  cli.write('compose.yaml', 'name: shop\nservices: {web: {imag: "nginx:1"}}\n');
  expect(await cli.run('-p', 'shop', 'restart', 'web')).toBe(0);
  expect(cli.engine.calls).toEqual(['restart shop services=["web"]']);
  expect([cli.out, cli.err]).toEqual(['nothing to do\nnote: the stack file has mistakes, which `bayplan config` shows: whether the containers are what it says was not looked at\n', '']);
});

test('a service that is not there is named, and nothing is done', async () => {
  for (const verb of ['stop', 'start', 'restart', 'pause', 'unpause', 'kill', 'rm']) {
    expect(await cli.run(verb, '-p', 'shop', 'nosuch')).toBe(1);
    expect(cli.err).toBe('bayplan: no service "nosuch" in stack "shop": it has db, web\n');
  }
  expect(cli.engine.calls).toEqual([]);
});

test('rm asks, and takes anything but yes for no', async () => {
  cli.stdin = Readable.from(['n\n']);
  expect(await cli.run('rm', '-p', 'shop')).toBe(0);
  expect(cli.engine.calls).toEqual([]);
  cli.stdin = Readable.from(['y\n']);
  expect(await cli.run('rm', '-p', 'shop')).toBe(0);
  expect(cli.engine.calls).toEqual(['remove shop']);
});

test('without -p the folder of the stack file goes along', async () => {
  cli.write('compose.yaml', 'name: shop\nservices: {web: {image: nginx:1}, db: {image: nginx:1, profiles: [data]}}\n');
  await cli.run('stop');
  await cli.run('down');
  expect(cli.engine.calls).toEqual([`stop shop from=${JSON.stringify(cli.folder)}`, `remove shop volumes=false timeout=null from=${cli.folder}`]);
});

test('what another file has brought up under the same name is left as it is, unless it is said to be meant', async () => {
  cli.write('compose.yaml', 'name: shop\nservices: {web: {image: nginx:1}, none: {image: nginx:1}}\n');
  const note = 'note: what is not in this stack file stays as it is: shop-db-1';
  for (const [argv, call] of [[['stop'], 'stop shop services=["web"]'], [['kill'], 'kill shop services=["web"]'], [['rm', '-fs'], 'remove shop services=["web"] stop=true'], [['down'], 'remove shop services=["web"] stop=true']] as const) {
    cli.engine.calls.splice(0);
    expect(await cli.run(...argv)).toBe(0);
    expect(cli.engine.calls).toEqual([expect.stringContaining(call)]);
    expect(cli.out).toContain(argv[0] === 'down' ? `${note} (--remove-orphans removes it too)\n` : `${note}\n`);
  }
  cli.engine.calls.splice(0);
  await cli.run('down', '--remove-orphans');
  await cli.run('-p', 'shop', 'down');
  expect(cli.engine.calls.map((call) => call.split(' ').slice(0, 3).join(' '))).toEqual(['remove shop volumes=false', 'remove shop volumes=false']);
  cli.write('compose.yaml', 'name: shop\nservices: {none: {image: nginx:1}}\n');
  cli.engine.calls.splice(0);
  expect([await cli.run('down'), await cli.run('stop'), cli.engine.calls]).toEqual([0, 0, []]);
});
