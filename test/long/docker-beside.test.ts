import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DockerRegistry } from '../root/docker-registry.ts';
import { Machine } from '../root/harness.ts';
import { publishedPort } from '../spec-values.ts';
import { ask, bridgeSpec, leftovers, NetworkWorld } from '../root/network-world.ts';

const script = process.env['BAYPLAN_BENCH_DOCKER'] ?? resolve(import.meta.dirname, '../../../shared/bench/docker-engine');
const why = existsSync(script) ? '' : ` (skipped: there is no Docker engine at ${script})`;

const tables = (): readonly string[] => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n').map((line) => line.replace(/^table /, '')).filter((table) => /^ip6? /.test(table));

let world: NetworkWorld;
let before: readonly string[] = [];
beforeAll(async () => {
  if (why === '') {
    before = tables();
    execFileSync(script, ['start'], { stdio: 'ignore' });
    // As Docker sets it on a machine that did not forward before.
    for (const family of ['ip', 'ip6']) execFileSync('nft', [`chain ${family} filter FORWARD { policy drop; }`]);
  }
  world = await NetworkWorld.open();
});
afterAll(async () => {
  await world.close();
  if (why !== '') return;
  spawnSync(script, ['stop'], { stdio: 'ignore' });
  for (const table of tables()) if (!before.includes(table)) execFileSync('nft', ['delete', 'table', ...table.split(' ')]);
});

test.skipIf(why !== '')(`containers reach each other and the world, and their ports are reached, beside a running Docker engine${why}`, async () => {
  const outside = world.outside('10.213.41.1');
  await world.serve(outside, 'tcp', 80, 'world');
  await world.networks.create('one', '', bridgeSpec());
  const a = await world.container('a', 'one');
  await world.serve(a.netns, 'tcp', 80, 'a');
  const [{ published } = { published: 0 }] = await world.networks.publish({ container: a.endpoint.id, ports: [publishedPort()] });
  expect(world.networks.notices().join('\n')).toContain('ip filter DOCKER-USER drops forwarded packets');
  const b = await world.container('b', 'one');
  expect(await ask(b.netns, 'tcp', a.address, 80)).toBe(`a ${b.address}`);
  expect(await ask(a.netns, 'tcp', '10.213.41.1', 80)).toBe('world 10.213.41.2');
  expect(await ask(outside, 'tcp', '10.213.41.2', published ?? 0)).toBe('a 10.213.41.1');
  expect(await ask(outside, 'tcp', a.address, 80)).toBe('nothing');
  for (const { endpoint } of [a, b]) await world.drop(endpoint);
  await world.networks.remove('one');
  expect(execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8' })).not.toContain(world.paths.table);
  await expect.poll(() => leftovers(world.paths), { timeout: 5000 }).toEqual([]);
});

test.skipIf(why !== '')(`what is pushed is pulled and run by Docker${why}`, async () => {
  const machine = new Machine();
  const registry = await new DockerRegistry().open();
  const docker = (...args: readonly string[]): string => execFileSync(script, ['in', 'docker', ...args], { encoding: 'utf8' });
  const image = `${registry.host}/team/hello:1`;
  try {
    const { images } = await machine.open();
    await machine.loadHello();
    await images.tag('bayplan/hello', image);
    await images.push(image, { credentials: {}, signal: new AbortController().signal, onProgress: () => undefined });
    expect(docker('run', '--rm', image, 'sh', '-c', 'echo run by $0 in $(hostname | wc -c)', 'docker')).toBe('run by docker in 13\n');
    expect(docker('inspect', '-f', '{{.Id}} {{json .Config.Cmd}} {{json .RootFS.Layers}}', image)).toBe(`${images.find(image)?.id ?? ''} ${JSON.stringify(images.details(image).config.config?.Cmd)} ${JSON.stringify(images.details(image).config.rootfs.diff_ids)}\n`);
    docker('rmi', image);
  } finally {
    await machine.dispose();
    await registry.close();
  }
});
