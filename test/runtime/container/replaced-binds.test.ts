import { expect, test } from 'vitest';
import { goneIn, replacedBinds } from '../../../src/runtime/container/replaced-binds.ts';

const line = (root: string, point: string): string => `700 600 254:0 ${root} ${point} ro,relatime - ext4 /dev/vda rw`;
const bind = (source: string, target: string): { readonly source: string; readonly target: string } => ({ source, target });

test('those whose file the kernel calls deleted, at their own place, by the topmost mount', () => {
  const table = [line('/srv/a//deleted', '/etc/a'), line('/srv/b', '/etc/b'), line('/srv/with\\040space//deleted', '/etc/with\\040space'), line('/srv/c//deleted', '/etc/c'), line('/srv/c', '/etc/c'), ''].join('\n');
  const binds = [bind('/srv/a', '/etc/a'), bind('/srv/b', '/etc/b'), bind('/srv/with space', '/etc/with space/'), bind('/srv/c', '/etc/c'), bind('/srv/d', '/etc/d')];
  expect(goneIn(binds, table).map(({ source }) => source)).toEqual(['/srv/a', '/srv/with space']);
});

test('by what the source is called in its file system where the place is reached through a link', () => {
  const table = [line('/bayplan/engine.sock//deleted', '/run/docker.sock'), line('/srv/b', '/real/b'), ''].join('\n');
  expect(goneIn([bind('/run/bayplan/engine.sock', '/var/run/docker.sock'), bind('/srv/b', '/link/b')], table)).toEqual([bind('/run/bayplan/engine.sock', '/var/run/docker.sock')]);
});

test('of a process that has ended, or has no binds, none', () => {
  expect(replacedBinds(2 ** 30, { mounts: [{ type: 'bind', source: '/a', target: '/b', readOnly: true, createHostPath: false, propagation: '', recursive: 'enabled' }] })).toEqual([]);
  expect(replacedBinds(process.pid, { mounts: [] })).toEqual([]);
});
