import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { publishedPort } from '../spec-values.ts';
import { ask, bridgeSpec, leftovers, NetworkWorld } from './network-world.ts';

let world: NetworkWorld;
beforeEach(async () => { world = await NetworkWorld.open(); });
afterEach(async () => {
  await world.close();
  await expect.poll(() => leftovers(world.paths), { timeout: 5000 }).toEqual([]);
});

/** Rulesets of others as they are, but that they look at this test's bridges alone: other tests go on meanwhile. */
const RULESETS: readonly (readonly [string, (table: string, ours: string) => string, readonly (readonly [string, string])[]])[] = [
  ['ufw', (table, ours) => ['ip', 'ip6'].map((family) => `table ${family} ${table} {
    chain ufw-before-forward { ct state related,established counter accept; icmp type echo-request counter accept; }
    chain FORWARD { type filter hook forward priority filter; policy drop; iifname != "${ours}" oifname != "${ours}" accept; jump ufw-before-forward; }
  }\n`.replace('icmp type', family === 'ip' ? 'icmp type' : 'icmpv6 type')).join(''), [['ip', 'FORWARD'], ['ip6', 'FORWARD']]],
  ['firewalld', (table, ours) => `table inet ${table} {
    chain filter_FORWARD_ZONES { return; }
    chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; iifname != "${ours}" oifname != "${ours}" accept
      ct state { established, related } accept
      iifname "lo" accept
      jump filter_FORWARD_ZONES
      ct state invalid drop
      reject with icmpx type admin-prohibited; }
  }\n`, [['inet', 'filter_FORWARD']]],
];

test.each(RULESETS)("%s's forward chain lets our bridges pass, in both families, and nobody else's packets to them", async (_name, ruleset, chains) => {
  const table = `bpt_${world.paths.instance}`;
  const outside = world.outside('10.213.40.1');
  world.outsideIpv6(outside, 'fd00:213:40::1');
  await world.serve(outside, 'tcp', 80, 'world', '::');
  execFileSync('nft', ['-f', '-'], { input: ruleset(table, `${world.paths.linkPrefix}*`) });
  try {
    const marked = (): readonly number[] => chains.map(([family, chain]) => execFileSync('nft', ['list', 'chain', family, table, chain], { encoding: 'utf8' }).split(`comment "${world.paths.table}"`).length - 1);
    await world.networks.create('one', '', bridgeSpec({ ipv6: true }));
    expect(marked()).toEqual(chains.map(() => 2));
    for (const [family, chain] of chains) expect(world.networks.notices().join('\n')).toContain(`${family} ${table} ${chain} drops forwarded packets`);
    const a = await world.container('a', 'one');
    await world.serve(a.netns, 'tcp', 80, 'a', '::');
    const [{ published } = { published: 0 }] = await world.networks.publish({ container: a.endpoint.id, ports: [publishedPort()] });
    expect(await Promise.all([
      ask(a.netns, 'tcp', '10.213.40.1', 80), ask(a.netns, 'tcp', 'fd00:213:40::1', 80), ask(outside, 'tcp', '10.213.40.2', published ?? 0), ask(outside, 'tcp', 'fd00:213:40::2', published ?? 0),
      ask(outside, 'tcp', a.address, 80), ask(outside, 'tcp', a.ipv6, 80),
    ])).toEqual([expect.stringMatching(/^world /), expect.stringMatching(/^world /), expect.stringMatching(/^a /), expect.stringMatching(/^a /), 'nothing', 'nothing']);
    await world.drop(a.endpoint);
    await world.networks.remove('one');
    expect(marked()).toEqual(chains.map(() => 0));
  } finally {
    const families = new Set(chains.map(([family]) => family));
    for (const family of families) execFileSync('nft', ['delete', 'table', family, table]);
  }
});
