import { describe, expect, test } from 'vitest';
import { confinementJson } from '../../src/api/docker-confinement.ts';
import { DockerConfig } from '../../src/api/docker-config.ts';
import { resourcesJson } from '../../src/api/docker-resources.ts';
import { specOf } from '../../src/api/docker-spec.ts';
import type { ContainerSpec } from '../../src/state/container.ts';

const spec = (body: object): ContainerSpec => specOf(DockerConfig.parse({ Image: 'a', ...body }), {}, null);

describe('a container of the Docker Engine API', () => {
  test('with nothing said is as its image says', () => {
    expect(spec({ Cmd: null, Entrypoint: null, Env: null, HostConfig: { NetworkMode: 'default', RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } } })).toMatchObject({
      command: null, entrypoint: null, environment: {}, networkMode: 'bridge', restart: { policy: 'no', maxRetries: 0 }, stopGracePeriodMs: 10_000, autoRemove: false, stdinOpen: false, stdinOnce: false, tty: false,
    });
  });

  test('with an empty command has the image\'s, entrypoint and all', () => {
    expect(spec({ Cmd: [] }).command).toBeNull();
  });

  test('keeps what is asked for, in our units', () => {
    expect(spec({
      Cmd: ['x'], Entrypoint: [''], Env: ['A=b=c', 'NONE'], Tty: true, OpenStdin: true, StdinOnce: true, StopTimeout: 3, Healthcheck: { Test: ['CMD', 'true'], Interval: 2e9 },
      HostConfig: { NanoCpus: 5e8, Memory: 1024, PidsLimit: -1, RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 4 }, NetworkMode: 'none', ReadonlyRootfs: true, Tmpfs: { '/t': 'size=1m,mode=1777' } },
    })).toMatchObject({
      command: ['x'], entrypoint: [], environment: { A: 'b=c', NONE: null }, tty: true, stdinOpen: true, stdinOnce: true, stopGracePeriodMs: 3000, resources: { cpus: 0.5, memory: 1024, pids: null },
      healthcheck: { test: ['CMD', 'true'], intervalMs: 2000, timeoutMs: 30_000, retries: 3 }, restart: { policy: 'on-failure', maxRetries: 4 }, networkMode: 'none', readOnly: true,
      mounts: [{ type: 'tmpfs', target: '/t', options: ['size=1m', 'mode=1777'] }],
    });
  });

  test('has its limits', () => {
    const asked = {
      Memory: 64, MemoryReservation: 32, MemorySwap: 96, MemorySwappiness: 10, OomKillDisable: true, CpuShares: 9, CpuQuota: 20_000, CpuPeriod: 50_000, CpusetCpus: '0-1', CpusetMems: '0',
      CpuRealtimeRuntime: 1000, CpuRealtimePeriod: 500_000, BlkioWeight: 300, BlkioWeightDevice: [{ Path: '/dev/a', Weight: 400 }], BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 1 }],
      BlkioDeviceWriteBps: [], BlkioDeviceReadIOps: [], BlkioDeviceWriteIOps: [{ Path: '/dev/b', Rate: 2 }], NanoCpus: 0, PidsLimit: 5,
    };
    const found = spec({ HostConfig: { ...asked, OomScoreAdj: 7, ShmSize: 1024, Sysctls: { 'net.core.somaxconn': '1' }, Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }], DeviceCgroupRules: ['c 1:3 r'] } });
    expect(resourcesJson(found.resources)).toEqual(asked);
    expect(found).toMatchObject({ oomScoreAdj: 7, shmSize: 1024, sysctls: { 'net.core.somaxconn': '1' }, ulimits: { nofile: { soft: 1, hard: 2 } }, deviceCgroupRules: ['c 1:3 r'] });
  });

  test('is held as asked, and shows it in the same words', () => {
    const asked = {
      Privileged: false, PidMode: 'host', IpcMode: 'container:x', UTSMode: 'host', UsernsMode: 'host', CgroupnsMode: 'host', SecurityOpt: ['no-new-privileges', 'seccomp=unconfined', 'apparmor=own'],
      CgroupParent: '/x', Annotations: { a: 'b' }, Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' }], DeviceRequests: [{ Driver: 'cdi', Count: 0, DeviceIDs: ['vendor.com/a=b'], Capabilities: null, Options: {} }], MaskedPaths: [], ReadonlyPaths: [],
    };
    const found = spec({ HostConfig: asked });
    expect(confinementJson(found)).toEqual(asked);
    const shown = confinementJson(spec({}));
    expect(confinementJson(spec({ HostConfig: shown }))).toEqual(shown); // what one container shows makes another one like it
    const older = ['/proc/asound', '/proc/acpi', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/timer_list', '/proc/timer_stats', '/proc/sched_debug', '/proc/scsi', '/sys/firmware', '/sys/devices/system/cpu/cpu0/thermal_throttle'];
    expect(confinementJson(spec({ HostConfig: { MaskedPaths: older } }))).toEqual(shown);
    expect(shown).toMatchObject({ MaskedPaths: expect.arrayContaining(['/proc/kcore']), ReadonlyPaths: expect.arrayContaining(['/proc/sys']) });
    expect(confinementJson(spec({ HostConfig: { Privileged: true } }))).toMatchObject({ MaskedPaths: null, ReadonlyPaths: null });
    expect(found).toMatchObject({ privileged: false, security: { noNewPrivileges: true, seccomp: 'unconfined', apparmor: 'own', maskPaths: false }, namespaces: { pid: 'host', ipc: 'container:x' } });
  });

  test('has its binds, mounts and anonymous volumes', () => {
    expect(spec({
      Volumes: { '/data': {}, '/own': {} },
      HostConfig: { Binds: ['/host:/in:ro', 'named:/data:nocopy', '/s:/shared:rshared'], Mounts: [{ Type: 'bind', Source: '/must', Target: '/be' }, { Type: 'volume', Target: '/anonymous' }] },
    }).mounts).toEqual([
      { type: 'bind', source: '/host', target: '/in', readOnly: true, createHostPath: true, propagation: '', recursive: 'enabled' },
      { type: 'volume', source: 'named', target: '/data', readOnly: false, nocopy: true, subpath: '' },
      { type: 'bind', source: '/s', target: '/shared', readOnly: false, createHostPath: true, propagation: 'rshared', recursive: 'enabled' },
      { type: 'bind', source: '/must', target: '/be', readOnly: false, createHostPath: false, propagation: '', recursive: 'enabled' },
      { type: 'volume', source: null, target: '/anonymous', readOnly: false, nocopy: false, subpath: '' },
      { type: 'volume', source: null, target: '/own', readOnly: false, nocopy: false, subpath: '' },
    ]);
  });

  test('publishes ports, and with PublishAllPorts the exposed ones too', () => {
    expect(spec({ ExposedPorts: { '53/udp': {} }, HostConfig: { PublishAllPorts: true, PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8080' }, { HostIp: '127.0.0.1', HostPort: '' }] } } }).ports).toMatchObject([
      { hostIp: '', published: 8080, target: 80, protocol: 'tcp' }, { hostIp: '127.0.0.1', published: null, target: 80, protocol: 'tcp' }, { hostIp: '', published: null, target: 53, protocol: 'udp' },
    ]);
  });

  test('is refused where it would be another one than asked for', () => {
    expect(() => spec({ HostConfig: { PidMode: 'guest' } })).toThrow('invalid PID mode: guest');
    expect(() => spec({ HostConfig: { MaskedPaths: ['/proc/kcore'] } })).toThrow('HostConfig.MaskedPaths: a list of one\'s own (without /proc/acpi) is not built');
    expect(() => spec({ HostConfig: { SecurityOpt: ['trusted'] } })).toThrow('HostConfig.SecurityOpt: security_opt "trusted": expected no-new-privileges');
    expect(() => spec({ HostConfig: { DeviceRequests: [{}] } })).toThrow('could not select device driver "" with capabilities: []');
    expect(() => spec({ HostConfig: { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: ['net'] }] } })).toThrow('"net": expected the name of a CDI device, as "vendor.com/class=name"');
    expect(() => spec({ HostConfig: { Binds: ['nowhere'] } })).toThrow('HostConfig.Binds: "nowhere": expected SOURCE:TARGET[:OPTIONS]');
    expect(() => spec({ HostConfig: { AutoRemove: true, RestartPolicy: { Name: 'always' } } })).toThrow('exclude each other');
  });
});

test('a relative working folder is refused in Docker\'s words', () => {
  expect(() => spec({ WorkingDir: 'relative' })).toThrow("the working directory 'relative' is invalid, it needs to be an absolute path");
  expect(spec({ WorkingDir: '/x' }).workingDir).toBe('/x');
});
