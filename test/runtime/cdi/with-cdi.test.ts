import { expect, test } from 'vitest';
import { hostNode } from '../../../src/runtime/cdi/host-node.ts';
import { withCdi } from '../../../src/runtime/cdi/with-cdi.ts';
import type { OciConfig } from '../../../src/runtime/container/oci.ts';

const config = (changes: Partial<OciConfig> = {}): OciConfig => ({
  ociVersion: '1.2.0', process: { user: { uid: 0, gid: 0 }, args: ['a'], env: ['PATH=/bin', 'A=old'], cwd: '/', capabilities: { bounding: [], effective: [], permitted: [] } },
  root: { path: 'r', readonly: false }, mounts: [{ destination: '/proc', type: 'proc', source: 'proc', options: [] }, { destination: '/opt/a/b', type: 'bind', source: '/deep', options: ['bind'] }],
  annotations: { 'io.bayplan.user': '1000:100', 'io.bayplan.groups': '7' },
  linux: { namespaces: [], cgroupsPath: '/x', devices: [{ path: '/dev/n', type: 'c', major: 9, minor: 9, fileMode: 0o600, uid: 0, gid: 0 }], resources: { devices: [{ allow: false, access: 'rwm' }] }, maskedPaths: [], readonlyPaths: [] }, ...changes,
});

test('nothing asked for changes nothing', () => {
  const before = config();
  expect(withCdi(before, [], hostNode)).toBe(before);
});

test('devices, variables, mounts, hooks and groups are added, and take the place of what was there', () => {
  const made = withCdi(config(), [{
    env: ['A=new', 'B=1'], additionalGids: [0, 7, 44],
    deviceNodes: [{ path: '/dev/n', hostPath: '/dev/null', permissions: 'rw' }, { path: '/dev/z', type: 'c', major: 1, minor: 5, fileMode: 0o640, uid: 3, permissions: 'none' }],
    mounts: [{ hostPath: '/host/a', containerPath: '/opt/a', options: ['ro', 'bind'] }, { hostPath: 'tmpfs', containerPath: '/opt/a/b/', type: 'tmpfs', options: ['size=1m'] }],
    hooks: [{ hookName: 'createContainer', path: '/bin/one', args: ['one'] }, { hookName: 'poststop', path: '/bin/two' }],
  }, { hooks: [{ hookName: 'createContainer', path: '/bin/three', timeout: 5 }] }], hostNode);
  expect(made.process.env).toEqual(['PATH=/bin', 'A=new', 'B=1']);
  expect(made.linux.devices).toMatchObject([{ path: '/dev/n', type: 'c', major: 1, minor: 3, uid: 1000, gid: 100 }, { path: '/dev/z', type: 'c', major: 1, minor: 5, fileMode: 0o640, uid: 3, gid: 100 }]);
  expect(made.linux.resources.devices).toEqual([{ allow: false, access: 'rwm' }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' }, { allow: true, type: 'c', major: 1, minor: 5, access: '' }]);
  expect(made.mounts).toEqual([
    { destination: '/proc', type: 'proc', source: 'proc', options: [] }, { destination: '/opt/a', type: 'bind', source: '/host/a', options: ['ro', 'bind'] },
    { destination: '/opt/a/b/', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] },
  ]);
  expect(made.hooks).toEqual({ createContainer: [{ path: '/bin/one', args: ['one'] }, { path: '/bin/three', timeout: 5 }], poststop: [{ path: '/bin/two' }] });
  expect(made.annotations['io.bayplan.groups']).toBe('7,44');
});

test('binds are seen through the mappings of users of its own', () => {
  const own = config();
  const made = withCdi({ ...own, linux: { ...own.linux, uidMappings: [{ containerID: 0, hostID: 100000, size: 65536 }] } }, [{ mounts: [{ hostPath: '/a', containerPath: '/a', options: ['rbind'] }, { hostPath: 't', containerPath: '/t', type: 'tmpfs' }] }], hostNode);
  expect(made.mounts.slice(1, 3)).toEqual([{ destination: '/a', type: 'bind', source: '/a', options: ['rbind', 'users'] }, { destination: '/t', type: 'tmpfs', source: 't', options: [] }]);
});

test('a device of the host\'s must be there and be one', () => {
  expect(() => hostNode({ path: '/dev/no-such' })).toThrow('a CDI device wants /dev/no-such, and there is none on this machine');
  expect(() => hostNode({ path: '/etc/passwd' })).toThrow('a CDI device wants /etc/passwd, and that is no device');
  expect(() => hostNode({ path: '/dev/null', type: 'b' })).toThrow('a CDI device wants /dev/null to be of type "b", and it is of "c"');
  expect(hostNode({ path: '/dev/no-such', type: 'c', major: 7, minor: 1 })).toEqual({ path: '/dev/no-such', type: 'c', major: 7, minor: 1, fileMode: 0o666, uid: 0, gid: 0 });
  expect(hostNode({ path: '/run/f', type: 'p' })).toMatchObject({ type: 'p', major: 0 });
});
