import { describe, expect, test } from 'vitest';
import { mountRequestOf, withAddress } from '../../../src/runtime/volume/mount-options.ts';
import type { MountRequest } from '../../../src/runtime/volume/mount-options.ts';

const requestOf = (type: string, device: string, o: string): MountRequest | null => mountRequestOf({ driver: 'local', external: false, labels: {}, driverOpts: { type, device, o } });
const attempts = (type: string, o: string): readonly string[] | undefined => requestOf(type, 'server:/srv', o)?.attempts.map((each) => each.join(','));

test('a volume without options is no mount', () => {
  expect(mountRequestOf({ driver: 'local', external: false, labels: {}, driverOpts: {} })).toBeNull();
});

test('other file systems take their options as they are', () => {
  expect(requestOf('tmpfs', 'tmpfs', 'size=1m,uid=1000')).toEqual({ type: 'tmpfs', source: 'tmpfs', attempts: [['size=1m', 'uid=1000']], server: null });
  expect(requestOf('none', '/srv', 'bind')).toEqual({ type: 'none', source: '/srv', attempts: [['bind']], server: null });
  expect(requestOf('ext4', '/dev/sdb1', '')?.attempts).toEqual([[]]);
});

describe('NFS', () => {
  test.each([
    ['nfs', 'rw,soft', ['rw,soft,vers=4.2', 'rw,soft,vers=4.1', 'rw,soft,vers=4.0', 'rw,soft,vers=3']],
    ['nfs', 'nfsvers=4,ro', ['ro,vers=4.2', 'ro,vers=4.1', 'ro,vers=4.0']],
    ['nfs4', 'soft', ['soft,vers=4.2', 'soft,vers=4.1', 'soft,vers=4.0']],
    ['nfs', 'vers=4.1', ['vers=4.1']],
    ['nfs', 'nfsvers=3,nolock,port=2050,mountport=20048', ['nfsvers=3,nolock,port=2050,mountport=20048']],
    ['nfs', 'v4.0', ['v4.0']],
    ['nfs', 'vers=4,minorversion=1', ['vers=4,minorversion=1']],
    ['nfs', 'bg,retry=5,_netdev,nofail,x-systemd.automount,vers=3', ['vers=3']],
  ])('versions as mount.nfs tries them: %s %s', (type, o, expected) => expect(attempts(type, o)).toEqual(expected));

  test.each([
    ['server:/srv', 'rw', 'server'], [':/srv', 'addr=10.0.0.5,rw', '10.0.0.5'], ['server:/srv', 'addr=other', 'other'], ['[fe80::1]:/srv', '', 'fe80::1'], [':/srv', '', null],
  ])('the server of %s with %s', (device, o, server) => expect(requestOf('nfs', device, o)?.server).toBe(server));

  test('its address is told to the kernel', () => {
    expect(withAddress(['addr=server', 'vers=3'], '10.0.0.5')).toEqual(['vers=3', 'addr=10.0.0.5']);
  });
});
