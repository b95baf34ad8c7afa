import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { container, IMAGE } from '../api/fake-engine.ts';
import { Console } from './console.ts';

// Output shapes of what only looks; docker compose's own are in test/peers/docker-compose.test.ts.
let cli: Console;
const out = async (...argv: readonly string[]): Promise<string> => {
  expect([await cli.run('-p', 'shop', ...argv), cli.err]).toEqual([0, '']);
  return cli.out;
};

beforeEach(async () => {
  cli = await new Console().open();
  cli.engine.all.set('shop-web-1', container(1, 'web'));
  cli.engine.all.set('shop-db-1', container(2, 'db', { phase: 'exited', exitCode: 3, finishedAt: Date.now() - 5_100 }));
  cli.engine.all.set('shop-slow-1', container(3, 'slow', { paused: true }));
});
afterEach(() => cli.close());

describe('ps', () => {
  const names = async (...argv: readonly string[]): Promise<readonly string[]> => (await out('ps', ...argv)).trim().split('\n').slice(1).map((line) => line.split(' ')[0] ?? '');
  test('lists what runs, paused or not, or what is asked for', async () => {
    expect(await names()).toEqual(['shop-slow-1', 'shop-web-1']);
    expect(await names('-a')).toEqual(['shop-db-1', 'shop-slow-1', 'shop-web-1']);
    expect(await names('web', 'db')).toEqual(['shop-web-1']);
    expect(await names('--status', 'exited', '--status', 'paused')).toEqual(['shop-db-1', 'shop-slow-1']);
    expect(await names('--filter', 'status=paused')).toEqual(['shop-slow-1']);
    expect(await names('--no-orphans')).toEqual([]); // the stack of this engine desires nothing
  });
  test('names of services, ids, and whole ids', async () => {
    expect(await out('ps', '--services')).toBe('slow\nweb\n');
    expect(await out('ps', '-q', 'web')).toBe(`${'1'.repeat(64)}\n`);
    const [web] = (await out('ps', '--format', 'json', '--no-trunc', 'web')).trim().split('\n');
    expect(JSON.parse(web ?? '')).toMatchObject({
      Command: '"/entry serve"', ID: '1'.repeat(64), Name: 'shop-web-1', Names: 'shop-web-1', Networks: 'shop_default', Project: 'shop', Service: 'web', Size: '0B', State: 'running', LocalVolumes: '0', Mounts: '',
      Ports: '0.0.0.0:8080->80/tcp', Publishers: [{ URL: '0.0.0.0', TargetPort: 80, PublishedPort: 8080, Protocol: 'tcp' }], RunningFor: 'About a minute ago', Labels: expect.stringMatching(/(^|,)com\.docker\.compose\.project=shop(,|$)/),
    });
  });
  test('of nothing it is a head; a wrong state and an unknown service are refused', async () => {
    expect(await out('-p', 'none', 'ps')).toBe('NAME      IMAGE     COMMAND   SERVICE   CREATED   STATUS    PORTS\n');
    expect(await cli.run('ps', '-p', 'shop', '--status', 'asleep')).toBe(1);
    expect(await cli.run('ps', '-p', 'shop', 'nosuch')).toBe(1);
    expect(cli.err).toBe('bayplan: no service "nosuch" in stack "shop"\n');
  });
});

test.each([['ps', '-a'], ['ps', '-q'], ['ls', '-a'], ['images'], ['top', 'web'], ['stats', '--no-stream', 'web'], ['volumes'], ['logs', 'web'], ['wait', 'db']])('%s %s says on stderr what of the stack is set aside', async (...argv) => {
  cli.engine.asides = [{ stack: 'shop', line: 'container shop-old-1 is set aside: a newer bayplan wrote it' }, { stack: 'other', line: 'stack other is set aside' }];
  await cli.run('-p', 'shop', ...argv);
  expect(cli.err.split('\n').filter((line) => line.startsWith('note: '))).toEqual(cli.engine.asides.filter(({ stack }) => argv[0] === 'ls' || stack === 'shop').map(({ line }) => `note: ${line}`));
});

test('logs of a stack of which everything is set aside, and a command in a container that is, say so', async () => {
  cli.engine.asides = [{ stack: 'lost', line: 'stack lost is set aside' }];
  expect([await cli.run('-p', 'lost', 'logs'), cli.err]).toEqual([1, 'note: stack lost is set aside\nbayplan: nothing of stack "lost" can be read\n']);
  expect([await cli.run('-p', 'lost', 'exec', 'web', 'true'), cli.err.split('\n')[0]]).toEqual([1, 'note: stack lost is set aside']);
});

test('ls counts containers by state over all stacks', async () => {
  expect(await out('ls')).toBe('NAME                STATUS                  CONFIG FILES\nshop                paused(1), running(1)   /w/compose.yaml\n');
  expect(JSON.parse(await out('ls', '-a', '--format', 'json'))).toEqual([{ Name: 'shop', Status: 'exited(1), paused(1), running(1)', ConfigFiles: '/w/compose.yaml' }]);
  expect(await out('ls', '-q', '--filter', 'name=ho')).toBe('shop\n');
  expect(await out('ls', '-q', '--filter', 'name=zz')).toBe('');
});

test('images are those of the containers', async () => {
  expect(await out('images', 'web')).toMatch(/^CONTAINER {11}REPOSITORY {10}TAG {17}PLATFORM {12}IMAGE ID {12}SIZE {16}CREATED\nshop-web-1 {10}nginx {15}1 {19}linux\/amd64 {9}aaaaaaaaaaaa {8}1.23kB {14}\d years ago\n$/);
  expect(JSON.parse(await out('images', '--format', 'json', 'db'))).toMatchObject([{ ID: IMAGE.id, ContainerName: 'shop-db-1', Repository: 'nginx', Tag: '1', Platform: 'linux/amd64', Size: 1234 }]);
  expect(await out('images', '-q')).toBe(`${'a'.repeat(64)}\n`);
});

test('volumes, port, version', async () => {
  expect(await out('volumes', '-q')).toBe('');
  expect(await out('port', 'web', '80')).toBe('0.0.0.0:8080\n');
  expect(await cli.run('-p', 'shop', 'port', 'web', '81')).toBe(1);
  expect(cli.err).toBe('bayplan: port 81/tcp of container shop-web-1 is not published: it has 80/tcp at 8080\n');
  expect(await cli.run('-p', 'shop', 'port', '--index', '2', 'web', '80')).toBe(1);
  expect(await out('version', '--short')).toBe('1.2.3\n');
  expect(JSON.parse(await out('version', '--format', 'json'))).toEqual({ version: '1.2.3', engine: { version: '9.9.9', apiVersion: '1.51' } });
});

test('events of the stack, in words and as JSON', async () => {
  const labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web', 'com.docker.compose.oneoff': 'False', image: 'nginx:1', name: 'shop-web-1' };
  cli.engine.events = { ...cli.engine.events, past: () => [{ type: 'container', action: 'die', id: 'abc', attributes: { ...labels, exitCode: '3' }, time: Date.now() - 1000 }], onEvent: () => () => undefined };
  expect(await out('events', '--since', '1m', '--until', '0s')).toMatch(/^\d{4}-\d\d-\d\d [\d:.]+ container die abc \(exitCode=3, image=nginx:1, name=shop-web-1\)\n$/);
  expect(JSON.parse(await out('events', '--json', '--since', '1m', '--until', '0s', 'web'))).toMatchObject({ action: 'die', attributes: { exitCode: '3', image: 'nginx:1', name: 'shop-web-1' }, id: 'abc', service: 'web', type: 'container' });
  expect(await out('events', '--since', '1m', '--until', '0s', 'db')).toBe('');
});

test('wait shows each end, and takes the stack down after the first', async () => {
  const waiting = cli.run('-p', 'shop', 'wait', 'web');
  await cli.engine.watched(1);
  cli.engine.change('shop-web-1', { phase: 'exited', exitCode: 5, finishedAt: Date.now() });
  expect([await waiting, cli.out]).toEqual([5, 'container shop-web-1 exited with status code 5\n']);
  expect(await cli.run('-p', 'shop', 'wait', 'web')).toBe(1);
  const down = cli.run('-p', 'shop', 'wait', '--down-project', 'slow');
  await cli.engine.watched(1);
  cli.engine.change('shop-slow-1', { phase: 'exited', exitCode: 4, finishedAt: Date.now() });
  expect(await down).toBe(4);
  expect(cli.engine.calls).toContain('remove shop volumes=false timeout=null');
});

test('stats, once', async () => {
  expect(await out('stats', '--no-stream', 'web')).toMatch(/^CONTAINER ID {3}NAME {9}CPU % {5}MEM USAGE \/ LIMIT {3}MEM % {5}NET I\/O {8}BLOCK I\/O {5}PIDS\n111111111111 {3}shop-web-1 {3}0\.00% {5}2MiB \/ 1GiB {9}0\.20% {5}1\.6kB \/ 126B {3}1\.29MB \/ 0B {3}2\n$/);
  expect(JSON.parse(await out('stats', '--no-stream', '--format', 'json', 'web'))).toEqual({
    BlockIO: '1.29MB / 0B', CPUPerc: '0.00%', Container: '1'.repeat(64), ID: '1'.repeat(12), MemPerc: '0.20%', MemUsage: '2MiB / 1GiB', Name: 'shop-web-1', NetIO: '1.6kB / 126B', PIDs: '2',
  });
  expect(JSON.parse(await out('stats', '--no-stream', '-a', '--format', 'json', 'db'))).toMatchObject({ CPUPerc: '0.00%', MemUsage: '0B / 0B', PIDs: '0' });
});
