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

test('refuses what cannot be shared', () => {
  const project = projectOf('services:\n  a: { image: a, volumes: ["/data"] }\n  b:\n    image: a\n    volumes_from: ["a", "container:other"]\n');
  expect(project.refusals.map(({ line, message }) => `${String(line)}: ${message}`)).toEqual([
    '5: services.b: volumes_from: the anonymous volume at /data of service a cannot be shared yet; give it a name',
    '5: services.b: volumes_from "container:other": only the volumes of a service of this file can be shared yet',
  ]);
});
