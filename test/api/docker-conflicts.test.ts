import { expect, it } from 'vitest';
import { DockerConfig } from '../../src/api/docker-config.ts';
import { checkConflicts } from '../../src/api/docker-conflicts.ts';
import { mountsOf } from '../../src/api/docker-mounts.ts';
import { resourcesOf } from '../../src/api/docker-resources.ts';
import { specOf } from '../../src/api/docker-spec.ts';

const made = (body: object): void => {
  const config = DockerConfig.parse({ Image: 'a', ...body });
  checkConflicts(config);
  resourcesOf(config.HostConfig ?? {});
  specOf(config, {}, null);
};
const SHARED = { NetworkMode: 'container:x' };
const mount = (more: object): object => ({ HostConfig: { Mounts: [{ Target: '/f', ...more }] } });
const bind = (text: string): object => ({ HostConfig: { Binds: [text] } });

// Each was seen to be what Docker 28.5 answers.
it.each<[object, string]>([
  [{ Hostname: 'h', HostConfig: SHARED }, 'conflicting options: hostname and the network mode'],
  [{ HostConfig: { ...SHARED, Dns: ['1.1.1.1'] } }, 'conflicting options: dns and the network mode'],
  [{ HostConfig: { ...SHARED, ExtraHosts: ['a:1.1.1.1'] } }, 'conflicting options: custom host-to-IP mapping and the network mode'],
  [{ HostConfig: { ...SHARED, PublishAllPorts: true } }, 'conflicting options: port publishing and the container type network mode'],
  [{ ExposedPorts: { '80/tcp': {} }, HostConfig: SHARED }, 'conflicting options: port exposing and the container type network mode'],
  [{ HostConfig: { ...SHARED, Links: ['a:b'] } }, 'conflicting options: container type network can\'t be used with links. This would result in undefined behavior'],
  [{ HostConfig: { NetworkMode: 'host', Links: ['a:b'] } }, 'conflicting options: host type networking can\'t be used with links. This would result in undefined behavior'],
  [{ Hostname: 'h', HostConfig: { UTSMode: 'host' } }, 'conflicting options: hostname and the UTS mode'],
  [{ Healthcheck: { Interval: 1000 } }, 'Interval in Healthcheck cannot be less than 1ms'],
  [{ Healthcheck: { Timeout: 1000 } }, 'Timeout in Healthcheck cannot be less than 1ms'],
  [{ HostConfig: { Isolation: 'hyperv' } }, 'invalid isolation (hyperv): linux only supports \'default\''],
  [{ HostConfig: { RestartPolicy: { Name: 'nosuch' } } }, 'invalid restart policy: unknown policy \'nosuch\'; use one of \'no\', \'always\', \'on-failure\', or \'unless-stopped\''],
  [{ HostConfig: { RestartPolicy: { Name: 'always', MaximumRetryCount: 3 } } }, 'invalid restart policy: maximum retry count can only be used with \'on-failure\''],
  [{ HostConfig: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: -1 } } }, 'invalid restart policy: maximum retry count cannot be negative'],
  [{ HostConfig: { VolumeDriver: 'nosuch' } }, 'error looking up volume plugin nosuch: plugin "nosuch" not found'],
  [{ HostConfig: { LogConfig: { Type: 'json-file', Config: { 'max-buffer-size': '1m' } } } }, 'logger: max-buffer-size option is only supported with \'mode=non-blocking\''],
  [{ HostConfig: { CpuShares: -1 } }, 'invalid CPU shares (-1): value must be a positive integer'],
  [{ HostConfig: { CpuShares: 1 } }, 'the minimum allowed cpu-shares is 2'],
  [{ HostConfig: { CpuShares: 300_000 } }, 'the maximum allowed cpu-shares is 262144'],
  [{ HostConfig: { ShmSize: -1 } }, 'SHM size can not be less than 0'],
  [{ HostConfig: { ExtraHosts: ['a:1.2.3.4', 'b=::1', 'c:[fe80::1]', 'd:host-gateway', 'x'] } }, 'bad format for add-host: "x": expected NAME:ADDRESS'],
  [{ HostConfig: { ExtraHosts: ['a:nonsense'] } }, 'bad format for add-host: "a:nonsense": expected NAME:ADDRESS'],
  [{ Env: ['=x'] }, 'invalid environment variable: =x'],
  [bind('v:/f:nonsense'), 'invalid mode: nonsense'],
  [bind('v:/f:ro,rw'), 'invalid mode: ro,rw'],
  [bind('/f:/f:/f'), 'invalid mode: /f'],
  [bind('v:/f:rshared'), 'invalid volume specification: \'v:/f:rshared\': invalid mount config for type "volume": field BindOptions must not be specified'],
  [bind('/a:/f:nocopy'), 'invalid volume specification: \'/a:/f:nocopy\': invalid mount config for type "bind": field VolumeOptions must not be specified'],
  [{ HostConfig: { Binds: ['/a:/f', 'v:/f/'] } }, 'Duplicate mount point: /f'],
  [mount({ Type: 'tmpfs', Source: 'x' }), 'invalid mount config for type "tmpfs": field Source must not be specified'],
  [mount({ Type: 'bind' }), 'invalid mount config for type "bind": field Source must not be empty'],
  [mount({ Type: 'bind', Source: 'relative' }), 'invalid mount config for type "bind": invalid mount path: \'relative\' mount path must be absolute'],
  [mount({ Type: 'bind', Source: '/a', BindOptions: { Propagation: 'nonsense' } }), 'invalid mount config for type "bind": invalid propagation mode: nonsense'],
  [mount({ Type: 'bind', Source: '/a', Target: 'x' }), 'invalid mount config for type "bind": invalid mount path: \'x\' mount path must be absolute'],
  [mount({ Type: 'volume', VolumeOptions: { Subpath: 'a' } }), 'invalid mount config for type "volume": must not set Subpath when using anonymous volumes'],
  [mount({ Type: 'volume', Source: 'v', VolumeOptions: { Subpath: '../x' } }), 'invalid mount config for type "volume": subpath must be a relative path within the volume'],
  [{ HostConfig: { Tmpfs: { 'x': '' } } }, 'invalid mount config for type "tmpfs": invalid mount path: \'x\' mount path must be absolute'],
  [{ HostConfig: { Tmpfs: { '/x': 'size=1m,bogus' } } }, 'invalid tmpfs option "bogus": expected an option of a tmpfs such as size=64m, mode=1777, uid=1000, noexec or ro, got "bogus"'],
  [mount({ Type: 'tmpfs', Target: '/x', TmpfsOptions: { Options: [['uid', 'app']] } }), 'invalid tmpfs option "uid=app": expected a number as uid, got "app"'],
  [{ HostConfig: { Tmpfs: { '//': '' } } }, 'invalid mount config for type "tmpfs": invalid specification: destination can\'t be \'/\''],
  [{ HostConfig: { IpcMode: 'nonsense' } }, 'invalid IPC mode: nonsense'],
  [{ HostConfig: { PidMode: 'container' } }, 'invalid PID mode: container'],
  [{ HostConfig: { UTSMode: 'nonsense' } }, 'invalid UTS mode: nonsense'],
  [{ HostConfig: { Annotations: { '': 'a' } } }, 'invalid Annotations: the empty string is not permitted as an annotation key'],
  [mount({ Type: 'nosuch' }), 'invalid mount config for type "nosuch": mount type unknown'],
])('%j is refused: %s', (body, message) => {
  expect(() => made(body)).toThrow(expect.objectContaining({ code: 'bad-request', message }));
});

it('takes a tmpfs over a mount in the long form alone, all options of a bind, and those of a tmpfs', () => {
  const { HostConfig } = DockerConfig.parse({ Image: 'a', HostConfig: { Binds: ['/a:/e:ro,rslave,Z'], Tmpfs: { '/f': '' }, Mounts: [{ Type: 'bind', Source: '/a', Target: '/f' }, { Type: 'tmpfs', Target: '/t', ReadOnly: true, TmpfsOptions: { Options: [['noexec'], ['uid', '5']] } }] } });
  expect(mountsOf({ Image: 'a', HostConfig })).toMatchObject([{ type: 'bind', readOnly: true, propagation: 'rslave' }, { type: 'bind', target: '/f' }, { type: 'tmpfs', target: '/t', options: ['ro', 'noexec', 'uid=5'] }, { type: 'tmpfs', target: '/f' }]);
});
