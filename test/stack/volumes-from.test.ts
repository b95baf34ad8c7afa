import { expect, test } from 'vitest';
import { desiredOf } from '../../src/stack/index.ts';
import { projectOf } from './load-text.ts';

const mountsOf = (text: string, service: string): unknown =>
  desiredOf(projectOf(text), { removeOrphans: false }).services[service]?.template.mounts.map((mount) => [mount.target, mount.type === 'tmpfs' ? '' : mount.source, 'readOnly' in mount && mount.readOnly]);

const stack = `
name: shop
services:
  db: { image: a, volumes: ["data:/data", "./conf:/conf"], tmpfs: [/run] }
  app: { image: a, volumes: ["own:/data"], volumes_from: ["db:ro"] }
  backup: { image: a, volumes_from: [app] }
volumes: { data: {}, own: {} }
`;

test('mounts of another service, its own first, read-only where asked, and on through services that share themselves', () => {
  expect(mountsOf(stack, 'app')).toEqual([['/data', 'shop_own', false], ['/conf', '/app/conf', true]]);
  expect(mountsOf(stack, 'backup')).toEqual([['/data', 'shop_own', false], ['/conf', '/app/conf', true]]);
});

test('says whose volumes are looked at when the container is made', () => {
  const project = projectOf('name: shop\nservices:\n  a: { image: a, volumes: ["/data"] }\n  b: { image: a, container_name: bb }\n  c:\n    image: a\n    volumes_from: ["a", "b:ro", "container:other:ro"]\n');
  expect(project.refusals).toEqual([]);
  const template = desiredOf(project, { removeOrphans: false }).services['c']?.template;
  expect(template?.volumesFrom).toEqual([{ container: 'shop-a-1', readOnly: false }, { container: 'bb', readOnly: true }, { container: 'other', readOnly: true }]);
  expect(template?.mounts).toEqual([]);
});
