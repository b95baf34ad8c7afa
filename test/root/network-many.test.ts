import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask, bridgeSpec, ipJson, leftovers, NetworkWorld } from './network-world.ts';
import { publishedPort } from '../spec-values.ts';

let world: NetworkWorld;
beforeEach(async () => { world = await NetworkWorld.open(); });
afterEach(async () => { await world.close(); });

test('fifty containers are connected and published at once, and go at once', async () => {
  await world.networks.create('many', '', bridgeSpec());
  const all = await Promise.all(Array.from({ length: 50 }, (_, index) => world.container(`c${index}`, 'many')));
  await Promise.all(all.map((one) => world.networks.publish({ container: one.endpoint.id, ports: [publishedPort()] })));

  const link = world.networks.list().get('many')?.status?.link ?? '';
  expect(ipJson('link', 'show', 'master', link)).toHaveLength(50);
  for (const { ifname } of ipJson('link', 'show', 'master', link)) expect(readFileSync(`/proc/sys/net/ipv6/conf/${String(ifname)}/disable_ipv6`, 'utf8')).toBe('1\n');
  expect(new Set(all.map((one) => one.address)).size).toBe(50);
  expect(execFileSync('nft', ['list', 'map', 'inet', world.paths.table, 'pub'], { encoding: 'utf8' }).match(/\d : \d/g)).toHaveLength(50);
  const [first, last] = [all[0], all[49]];
  if (first === undefined || last === undefined) throw new Error('none');
  await world.serve(last.netns, 'tcp', 80, 'last');
  expect(await ask(first.netns, 'tcp', last.address, 80)).toBe(`last ${first.address}`);

  await Promise.all(all.map((one) => world.drop(one.endpoint)));
  await world.networks.remove('many');
  expect(leftovers(world.paths)).toEqual([]);
});
