import { expect, it } from 'vitest';
import { mountDrift, type MountPoints, type MountsSeen } from '../../../src/runtime/container/mount-drift.ts';
import { type ContainerSpec, Grant, Mount } from '../../../src/state/container.ts';
import { specOf as containerSpec } from './container-spec.ts';

const shown = (root: string | null, ...places: readonly string[]): MountPoints => ({ root, places: new Map(places.map((place) => [place, { id: `${place} 1`, readOnly: false }])) });

it('misses mounts that were there, and none that a link of the image put elsewhere', () => {
  const spec = containerSpec({ mounts: [{ type: 'tmpfs', target: '/run/x/', size: null, mode: null, options: [] }, { type: 'tmpfs', target: '/var/run/y', size: null, mode: null, options: [] }] });
  const seen: MountsSeen = { root: null, targets: new Map() };
  expect(mountDrift(spec, shown('31', '/', '/run/x', '/run/y'), seen)).toEqual([]);
  // It has changed its root, to a folder and to a mount: what is outside cannot be seen.
  expect(mountDrift(spec, shown(null, '/proc'), seen)).toEqual([]);
  expect(mountDrift(spec, shown('44', '/'), seen)).toEqual([]);
  expect(mountDrift(spec, shown('31', '/'), seen)).toEqual([{ kind: 'mount', field: 'mounts[/run/x]', expected: 'tmpfs', found: 'not mounted' }]);
});

it('sees what lies over a mount, and one that has become read-only or writable; not where contents are swapped, or the host\'s mounts come in', () => {
  const bind = (target: string, propagation: string): ContainerSpec['mounts'][number] => Mount.parse({ type: 'bind', source: '/srv', target, readOnly: false, createHostPath: true, propagation });
  const spec = containerSpec({ mounts: [bind('/own', ''), bind('/shared', 'rslave')], contents: [Grant.parse({ name: 'c', digest: 'd', target: '/etc/c', uid: 0, gid: 0, mode: 0o444 })] });
  const seen: MountsSeen = { root: null, targets: new Map() };
  const before = shown('31', '/own', '/shared', '/etc/c');
  expect(mountDrift(spec, before, seen)).toEqual([]);
  const with_ = (change: Partial<{ readonly id: string; readonly readOnly: boolean }>): MountPoints => ({ root: '31', places: new Map([...before.places].map(([place, mount]) => [place, { ...mount, ...change }])) });
  expect(mountDrift(spec, with_({ id: 'another' }), seen)).toEqual([{ kind: 'mount', field: 'mounts[/own]', expected: 'bind /srv', found: 'another mount over it' }]);
  expect(mountDrift(spec, with_({ readOnly: true }), seen)).toEqual([{ kind: 'mount', field: 'mounts[/own]', expected: 'bind /srv', found: 'read-only' }]);
  expect(mountDrift(spec, before, seen)).toEqual([]);
  const readOnly: MountsSeen = { root: null, targets: new Map() };
  expect(mountDrift(spec, with_({ readOnly: true }), readOnly)).toEqual([]);
  expect(mountDrift(spec, before, readOnly)).toEqual([{ kind: 'mount', field: 'mounts[/own]', expected: 'bind /srv', found: 'writable' }]);
});
