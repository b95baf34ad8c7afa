import { describe, expect, test } from 'vitest';
import { configOf, desiredOf } from '../../src/stack/index.ts';
import type { ContainerSpec } from '../../src/state/container.ts';
import { resources } from '../spec-values.ts';
import { projectOf } from './load-text.ts';

const template = (keys: string): ContainerSpec => {
  const found = desiredOf(projectOf(`services:\n  a:\n    image: a\n${keys.split('\n').map((line) => `    ${line}`).join('\n')}\n`), { removeOrphans: false });
  expect(found.notes).toEqual([]);
  const spec = found.services['a']?.template;
  if (spec === undefined) throw new Error('no service a');
  return spec;
};

describe('limits', () => {
  test.each<[string, Parameters<typeof resources>[0]]>([
    ['mem_limit: 64m\nmem_reservation: 32m\nmemswap_limit: 96m\nmem_swappiness: 10\noom_kill_disable: true', { memory: 67_108_864, memoryReservation: 33_554_432, memorySwap: 100_663_296, swappiness: 10, oomKillDisable: true }],
    ['mem_limit: 64m\nmemswap_limit: -1', { memory: 67_108_864, memorySwap: -1 }],
    ['deploy: { resources: { limits: { memory: 64m, pids: 5, cpus: "0.5" }, reservations: { memory: 32m } } }', { memory: 67_108_864, memoryReservation: 33_554_432, pids: 5, cpus: 0.5 }],
    ['mem_swappiness: 0', { swappiness: 0 }],
    ['cpu_shares: 512\ncpu_quota: 20000\ncpu_period: 50000\ncpuset: 0-1', { cpuShares: 512, cpuQuota: 20_000, cpuPeriod: 50_000, cpuset: '0-1' }],
    ['cpu_rt_runtime: 1000\ncpu_rt_period: 500000', { cpuRtRuntime: 1000, cpuRtPeriod: 500_000 }],
    ['blkio_config: { weight: 300, weight_device: [{ path: /dev/a, weight: 400 }], device_read_bps: [{ path: /dev/a, rate: 1mb }], device_write_iops: [{ path: /dev/b, rate: 100 }] }', {
      blockIo: { weight: 300, weightDevices: [{ path: '/dev/a', weight: 400 }], readBps: [{ path: '/dev/a', rate: 1_048_576 }], writeBps: [], readIops: [], writeIops: [{ path: '/dev/b', rate: 100 }] },
    }],
  ])('%s', (keys, expected) => expect(template(keys).resources).toEqual(resources(expected)));

  test('of processes, shared memory, kernel parameters and devices', () => {
    expect(template('ulimits: { nproc: 10, nofile: { soft: 20, hard: 40 } }\nshm_size: 1m\nsysctls: ["net.core.somaxconn=64", "kernel.shmmax=1"]\noom_score_adj: 200\ndevice_cgroup_rules: ["c 1:3 mr"]')).toMatchObject({
      ulimits: { nproc: { soft: 10, hard: 10 }, nofile: { soft: 20, hard: 40 } }, shmSize: 1_048_576, sysctls: { 'net.core.somaxconn': '64', 'kernel.shmmax': '1' }, oomScoreAdj: 200, deviceCgroupRules: ['c 1:3 mr'],
    });
  });
});

test('devices, privileges, security options, namespaces of others', () => {
  expect(template('devices: ["/dev/a", "/dev/b:/dev/c:r"]\nprivileged: true\ncgroup_parent: x/y\nannotations: { a: b }\nuts: host\ncgroup: host\nuserns_mode: host')).toMatchObject({
    devices: [{ source: '/dev/a', target: '/dev/a', permissions: 'rwm' }, { source: '/dev/b', target: '/dev/c', permissions: 'r' }], privileged: true, cgroupParent: '/x/y', annotations: { a: 'b' },
    namespaces: { pid: '', ipc: '', uts: 'host', cgroup: 'host', user: 'host' },
  });
  const project = projectOf('services:\n  a: { image: a, pid: "service:b", ipc: "container:x", security_opt: ["no-new-privileges:true", "seccomp:p.json", "apparmor=own", "label:disable"] }\n  b: { image: b, container_name: bb }\n', {}, { '/app/p.json': '{}' });
  const { services, notes } = desiredOf(project, { removeOrphans: false });
  expect(services['a']?.template).toMatchObject({ namespaces: { pid: 'container:bb', ipc: 'container:x' }, security: { noNewPrivileges: true, seccomp: '{}', apparmor: 'own', maskPaths: true } });
  expect(services['a']?.dependsOn).toMatchObject({ b: { restart: true } });
  expect(notes).toEqual(['service a: security_opt "label:disable": SELinux labels are ignored']);
});

test('namespaces by path, users and clocks of its own', () => {
  expect(template('pid: "ns:/p"\nipc: "ns:/i"\nuts: "ns:/u"\nnetwork_mode: "ns:/n"\nuserns_mode: "ns:/s"\nx-bayplan: { cgroup: "ns:/c", time: { namespace: "ns:/t" } }')).toMatchObject({
    namespaces: { pid: 'ns:/p', ipc: 'ns:/i', uts: 'ns:/u', cgroup: 'ns:/c', user: 'ns:/s', time: 'ns:/t' }, networkMode: 'ns:/n',
  });
  expect(template('userns_mode: private\nx-bayplan: { time: { monotonic: 1h, boottime: -1500ms } }')).toMatchObject({ namespaces: { user: 'auto', time: 'private' }, clockOffsets: { monotonicMs: 3_600_000, boottimeMs: -1500 } });
  const { services } = desiredOf(projectOf('services:\n  a: { image: a, userns_mode: "service:b", x-bayplan: { time: { namespace: "service:c" } } }\n  b: { image: b }\n  c: { image: c }\n'), { removeOrphans: false });
  expect(services['a']).toMatchObject({ dependsOn: { b: { condition: 'service_started', restart: true }, c: { restart: true } } });
  expect([services['a']?.template.namespaces.user, services['a']?.template.namespaces.time]).toEqual([expect.stringMatching(/^container:.*-b-1$/), expect.stringMatching(/^container:.*-c-1$/)]);
});

test('logging, hooks and the times of a restart policy', () => {
  expect(template('logging: { driver: local, options: { max-size: 5m, max-file: 2 } }\npost_start: [{ command: "echo a b", user: app, privileged: true, working_dir: /w, environment: { A: 1, B: } }]\npre_stop: [{ command: [sync] }]\ndeploy: { restart_policy: { condition: on-failure, delay: 5s, max_attempts: 3, window: 1m } }')).toMatchObject({
    logging: { driver: 'local', options: { 'max-size': '5m', 'max-file': '2' } },
    postStart: [{ command: ['echo', 'a', 'b'], user: 'app', privileged: true, workingDir: '/w', environment: ['A=1'] }],
    preStop: [{ command: ['sync'], user: '', privileged: false, workingDir: '', environment: [] }],
    restart: { policy: 'on-failure', maxRetries: 3, delayMs: 5000, windowMs: 60_000 },
  });
});

describe('what cannot be', () => {
  test.each([
    ['memswap_limit: 64m', 'memswap_limit is memory and swap together: it needs mem_limit'],
    ['mem_limit: 64m\n    memswap_limit: 32m', 'memswap_limit is memory and swap together: it cannot be below mem_limit'],
    ['mem_swappiness: 101', 'mem_swappiness 101: expected a number from 0 to 100'],
    ['cpus: 1\n    cpu_quota: 1000', 'cpus and cpu_quota or cpu_period say the same in two ways: keep one'],
    ['cpuset: "0-"', 'cpuset "0-": expected processors such as 0-2,7'],
    ['cpuset: "1-0"', 'cpuset "1-0": expected processors such as 0-2,7'],
    ['extra_hosts: { db: nowhere }', 'extra_hosts "db=nowhere": "nowhere" is no IP address, nor host-gateway'],
    ['mem_limit: 1k', 'mem_limit 1024: expected at least 6291456 bytes (6m)'],
    ['blkio_config: { weight: 5 }', 'blkio_config: a weight is a number from 10 to 1000'],
    ['sysctls: { kernel.panic: 1 }', "sysctls: kernel.panic is the whole machine's and cannot be set for one container; set it on the host"],
    ['sysctls: { net.core.somaxconn: 1 }\n    network_mode: host', 'sysctls: net.core.somaxconn belongs to the network, which is the host\'s with network_mode "host"; set it there'],
    ['ulimits: { open: 1 }', 'ulimits: "open" is no limit of a process; expected one of as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, sigpending, stack'],
    ['ulimits: { nofile: { soft: 9, hard: 8 } }', 'ulimits: the soft limit of nofile (9) is above its hard one (8); raise that, or lower the soft one'],
    ['device_cgroup_rules: ["c 1 rwm"]', 'device_cgroup_rules: "c 1 rwm": expected a rule such as "c 1:3 rwm"'],
    ['devices: ["vendor.com/gpu=0:r"]', 'devices: "vendor.com/gpu=0:r:rwm": expected absolute paths, and of r, w and m what is permitted'],
    ['devices: ["/dev/a:/dev/a:x"]', 'devices: "/dev/a:/dev/a:x": expected absolute paths, and of r, w and m what is permitted'],
    ['security_opt: [seccomp=no.json]', 'security_opt "seccomp=no.json": there is no file /app/no.json'],
    ['security_opt: [trusted]', 'security_opt "trusted": expected no-new-privileges, seccomp=…, apparmor=…, systempaths=unconfined or label=…'],
    ['pid: guest', 'pid "guest": expected "host", "service:NAME", "container:NAME" or "ns:PATH"'],
    ['userns_mode: "auto:many"', 'userns_mode "auto:many": expected "host", "auto", "auto:size=NUMBER", "service:NAME", "container:NAME" or "ns:PATH"'],
    ['userns_mode: auto\n    pid: host', 'userns_mode auto: pid "host" belongs to other users: use userns_mode "host", or a namespace of its own'],
    ['userns_mode: auto\n    privileged: true', 'userns_mode auto: a privileged container has the host\'s users: use userns_mode "host"'],
    ['x-bayplan: { time: { boottime: soon } }', 'x-bayplan: time.boottime: expected a duration such as 36h or -5m, got "soon"'],
    ['x-bayplan: { cgroup: mine }', 'x-bayplan: cgroup: expected "host", "private", "service:NAME", "container:NAME" or "ns:PATH", got "mine"'],
    ['uts: guest', 'uts "guest": expected "host"'],
    ['logging: { driver: fluentd }', 'logging driver "fluentd" is not built yet; "json-file", "local", "syslog" and "none" are'],
    ['logging: { driver: syslog, options: { syslog-address: "http://x" } }', 'logging option syslog-address "http://x": expected udp://HOST[:PORT], tcp://HOST[:PORT] or unix:///PATH'],
    ['logging: { driver: syslog, options: { syslog-facility: loud } }', 'logging option syslog-facility "loud": expected one of kern, user, mail'],
    ['logging: { driver: syslog, options: { tag: "{{.Mood}}" } }', 'logging option tag: "{{.Mood}}": expected one of {{.ID}}'],
    ['logging: { options: { max-size: big } }', 'logging option max-size "big": expected a size such as 10m'],
    ['logging: { options: { max-files: "3" } }', 'logging option "max-files" means nothing to driver "json-file"'],
    ['isolation: hyperv', 'isolation "hyperv" is of Windows; on Linux there is "default" alone'],
    ['storage_opt: { size: 1g }', "storage_opt: the size of a container's own layer cannot be limited here; put what grows on a volume, or on a tmpfs with a size"],
  ])('is refused with its place: %s', (keys, message) => {
    const project = projectOf(`services:\n  a:\n    image: a\n    ${keys}\n`);
    expect(() => desiredOf(project, { removeOrphans: false })).toThrow(`: services.a: ${message}`);
    expect(configOf(project)).toMatchObject({ services: { a: { image: 'a' } } });
  });

  test('keys of another system are ignored, and said to be', () => {
    expect(desiredOf(projectOf('services:\n  a: { image: a, cpu_count: 2, cpu_percent: 50, isolation: default }\n'), { removeOrphans: false }).notes).toEqual([
      'service a: key "cpu_count" means nothing on Linux and is ignored', 'service a: key "cpu_percent" means nothing on Linux and is ignored',
    ]);
  });
});
