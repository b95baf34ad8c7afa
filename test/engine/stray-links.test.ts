import { expect, test } from 'vitest';
import { strayLinks } from '../../src/engine/stray-links.ts';
import { desiredOf, loadStack } from '../../src/stack/index.ts';
import { Container } from '../../src/state/container.ts';
import { attachment, containerSpec } from '../spec-values.ts';

const other = Container.parse({
  identity: { owner: 'stack', stack: 'shop', service: 'db', slot: 1, generation: 1 }, spec: containerSpec({ networks: { shop_default: attachment({ aliases: ['orders'] }) } }), status: null,
});

test.each([
  ['shop-db-1:db', null], ['orders', null], ['db', null], ['demo-two-2:t', null], ['named', null], ['three-alias', null],
  ['shop-db-2:db', 'service one: links: there is no container "shop-db-2", so "db" leads nowhere until one comes'], ['nobody', 'service one: links: there is no container "nobody" until one comes'],
])('external_links to %s: %s', (link, note) => {
  const text = `services: {one: {image: a, external_links: ["${link}"], links: [two]}, two: {image: a, scale: 2}, three: {image: a, container_name: named, networks: {default: {aliases: [three-alias]}}}}`;
  const { project, mistakes } = loadStack({ files: ['/s/compose.yaml'], workingDir: '/s', projectName: 'demo', environment: {}, profiles: [], envFiles: null, read: (path) => (path === '/s/compose.yaml' ? text : null) });
  expect(mistakes).toEqual([]);
  expect(strayLinks('demo', desiredOf(project!, { removeOrphans: false }), { list: () => new Map([['shop-db-1', other]]) })).toEqual(note === null ? [] : [note]);
});
