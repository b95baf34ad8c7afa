import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { core, ociWorld } from './oci-world.ts';

// What callers of other runtimes rely on, as the suites of runc and crun look at it.
const v1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');
const { folder, root, rootfs, group, bundle, oci, run, start, create, stopped } = ociWorld();

describe('a terminal in the foreground', () => {
  const name = (args: string[]): string => bundle(args, (config) => { config.process.terminal = true; });

  it('says its lines as the program writes them, since they go to our own output', () => {
    expect(run(name(['echo', 'line'])).stdout).toBe('line\n');
  });

  it('also that of exec', () => {
    const container = bundle(['sleep', '100']);
    start(container);
    expect(oci('exec', '--tty', container, 'echo', 'line').stdout).toBe('line\n');
  });

  it('goes with a /dev that is read-only', () => {
    const container = bundle(['sh', '-c', 'test -c /dev/console && ! touch /dev/x 2>/dev/null && echo yes'], (config) => {
      config.process.terminal = true;
      config.mounts.find((mount) => mount.destination === '/dev')?.options?.push('ro');
    });
    expect(run(container)).toMatchObject({ status: 0, stdout: 'yes\n' });
  });
});

describe('the environment', () => {
  it('has each name once, with its last value, and a HOME', () => {
    const container = bundle(['env'], (config) => { config.process.env = ['ONE=two', 'HOME=', 'PATH=/bin', 'ONE=three', 'ONE_MORE=1']; });
    expect(run(container).stdout.trim().split('\n').sort()).toEqual(['HOME=/root', 'ONE=three', 'ONE_MORE=1', 'PATH=/bin']);
  });

  it('names the sockets that the caller was activated with', () => {
    const container = bundle(['sh', '-c', 'echo $LISTEN_FDS $LISTEN_PID; cat <&3']);
    const result = spawnSync('sh', ['-c', `echo given > ${folder}/socket; exec "$0" "$@" 3< ${folder}/socket`, core, '--root', root, 'run', '--bundle', join(folder, container), container], { encoding: 'utf8', env: { ...process.env, LISTEN_FDS: '1' } });
    expect(result).toMatchObject({ status: 0, stdout: '1 1\ngiven\n', stderr: '' });
  });
});

describe('a new network namespace', () => {
  it('has its loopback up', () => {
    expect(run(bundle(['sh', '-c', 'ip link show lo | head -1'])).stdout).toMatch(/<LOOPBACK,UP/);
  });
});

describe('capabilities that nobody knows', () => {
  it('are refused', () => {
    const container = bundle(['true'], (config) => { config.process.capabilities = { bounding: ['CAP_KILL', 'CAP_TEST'] }; });
    expect(run(container)).toMatchObject({ status: 1, stderr: 'config.json: process.capabilities: unknown: CAP_TEST\n' });
  });

  it('cannot be asked of exec', () => {
    const container = bundle(['sleep', '100']);
    start(container);
    expect(oci('exec', '--cap', 'CAP_TEST', container, 'true')).toMatchObject({ status: 255, stderr: '--cap CAP_TEST: there is no such capability\n' });
  });
});

describe('mounts', () => {
  it('are made where a link leads that nothing is behind, inside the root', () => {
    const link = join(rootfs, 'etc/resolv.conf');
    writeFileSync(join(folder, 'resolv'), 'nameserver 10.0.0.1\n');
    for (const target of ['../run/systemd/resolve/stub.conf', '/run/deep/resolv', '../../../../run/out/resolv']) {
      symlinkSync(target, link);
      const container = bundle(['cat', '/etc/resolv.conf'], (config) => { config.mounts.push({ destination: '/etc/resolv.conf', type: 'bind', source: join(folder, 'resolv'), options: ['bind'] }); });
      expect(run(container)).toMatchObject({ status: 0, stdout: 'nameserver 10.0.0.1\n', stderr: '' });
      rmSync(link);
      expect(existsSync(join(rootfs, 'run'))).toBe(true);
      rmSync(join(rootfs, 'run'), { recursive: true });
    }
    expect(existsSync('/run/deep')).toBe(false);
    symlinkSync('resolv.conf', link); // leads to itself
    const circle = bundle(['true'], (config) => { config.mounts.push({ destination: '/etc/resolv.conf', type: 'bind', source: join(folder, 'resolv'), options: ['bind'] }); });
    expect(run(circle)).toMatchObject({ status: 1, stderr: expect.stringContaining('Too many levels of symbolic links') });
    rmSync(link);
  });

  it('show the container\'s own part of each cgroup hierarchy where its namespace is the host\'s', () => {
    const container = bundle(['sh', '-c', 'cat /sys/fs/cgroup/pids/pids.max'], (config) => {
      delete config.linux.cgroupsPath;
      config.linux.resources = { pids: { limit: 77 } };
      config.mounts.push({ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] }, { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] });
    });
    expect(run(container)).toMatchObject({ status: 0, stdout: '77\n' });
  });

  it('of a whole proc are not to be had by a user namespace below --no-pivot', () => {
    const container = bundle(['unshare', '-mrpf', 'sh', '-c', 'mount -t proc proc /proc && echo mounted'], (config) => {
      config.linux.maskedPaths = ['/proc/kcore'];
      config.linux.readonlyPaths = ['/proc/sys'];
      const capabilities = ['CAP_SYS_ADMIN', 'CAP_SETFCAP', 'CAP_SETUID', 'CAP_SETGID'];
      config.process.capabilities = { bounding: capabilities, effective: capabilities, permitted: capabilities };
    });
    const refused = (...options: string[]): void => {
      const result = run(container, ...options);
      expect(result.stdout).toBe('');
      expect(result.stderr).toContain('mount: permission denied');
    };
    for (const options of [[], ['--no-pivot']]) refused(...options);
    // At a path that the kernel writes with escapes, and one over another.
    const odd = join(folder, 'a proc\tand \\ more');
    mkdirSync(odd);
    try {
      for (const source of ['first', 'second']) {
        execFileSync('mount', ['-t', 'proc', source, odd]);
        refused('--no-pivot');
      }
    } finally {
      execFileSync('sh', ['-c', 'while umount -l "$0" 2>/dev/null; do :; done', odd]);
    }
    // One that is hidden below another mount cannot be come by: nothing runs beside it.
    mkdirSync(join(odd, 'proc'));
    try {
      execFileSync('mount', ['-t', 'proc', 'proc', join(odd, 'proc')]);
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', odd]);
      expect(run(container, '--no-pivot')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('umount2 ') });
    } finally {
      execFileSync('sh', ['-c', 'umount "$0"; umount "$0/proc"', odd]);
    }
  });
});

describe('signals', () => {
  it('reach what is left without a pid namespace once the first process has ended', async () => {
    const container = bundle(['sh', '-c', 'sleep 98764 & exit 0'], (config) => { config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'pid'); });
    start(container);
    await stopped(container);
    const procs = (): string => readFileSync(`/sys/fs/cgroup/pids/${group}/${container}/cgroup.procs`, 'utf8');
    expect(procs()).not.toBe('');
    expect(oci('kill', container)).toMatchObject({ status: 1, stderr: expect.stringContaining('container not running') });
    expect(oci('kill', container, 'KILL')).toMatchObject({ status: 0, stderr: '' });
    await eventually(() => expect(procs()).toBe(''));
    expect(oci('kill', container, 'KILL').status).toBe(1);
  });

  it('end what is only created, and 0 asks whether it is there', async () => {
    const container = bundle(['sleep', '100']);
    expect(create(container)).toEqual({ status: 0, stderr: '' });
    expect(oci('kill', container, '0')).toMatchObject({ status: 0, stderr: '' });
    expect(oci('kill', container, 'TERM')).toMatchObject({ status: 0, stderr: '' });
    await stopped(container);
    expect(oci('kill', container, '0').status).toBe(1);
  });
});

describe('what `update` and hooks do as callers of runc know it', () => {
  const value = (container: string, file: string): string => readFileSync(`/sys/fs/cgroup/memory/${group}/${container}/${file}`, 'utf8').trim();

  it.runIf(v1)(`a limit of memory that goes takes the one of memory and swap along${v1 ? '' : ' (skipped: no memory controller of cgroup v1)'}`, () => {
    const container = bundle(['sleep', '100'], (config) => { config.linux.resources = { memory: { limit: 64 << 20, swap: 96 << 20 } }; });
    start(container);
    expect(oci('update', '--memory', '-1', container)).toMatchObject({ status: 0, stderr: '' });
    expect([value(container, 'memory.limit_in_bytes'), value(container, 'memory.memsw.limit_in_bytes')]).toEqual(['9223372036854771712', '9223372036854771712']);
  });

  it('cpu.idle is 0 or 1', () => {
    const container = bundle(['sleep', '100']);
    start(container);
    for (const idle of ['-1', '2']) expect(oci('update', '--cpu-idle', idle, container)).toMatchObject({ status: 1, stderr: 'config.json: linux.resources.cpu.idle: expected 0 or 1\n' });
  });

  it('limits of the kernel\'s own memory are ignored, which is said', () => {
    const container = bundle(['sleep', '100']);
    start(container);
    const ignored = (option: string): string => `warning: ${option} is ignored: kernels have no such limit any more\n`;
    expect(oci('update', '--kernel-memory', '16777216', '--kernel-memory-tcp', '16M', '--pids-limit', '50', container)).toMatchObject({ status: 0, stderr: `${ignored('--kernel-memory')}${ignored('--kernel-memory-tcp')}` });
    expect(oci('ps', container).status).toBe(0);
  });

  it('a createContainer hook is in the container\'s root, as the program is not yet', () => {
    const container = bundle(['cat', '/tmp/hooked'], (config) => { config.hooks = { createContainer: [{ path: '/bin/sh', args: ['sh', '-c', 'echo made > ./tmp/hooked'] }] }; });
    expect(run(container)).toMatchObject({ status: 0, stdout: 'made\n', stderr: '' });
  });

  it.each(['slave', 'rslave'])('a root that is %s follows the mount that it lies on, where that is shared', (propagation) => {
    for (const users of [false, true]) {
      const container = bundle(['sh', '-c', 'grep " / / \\| / [^ ]* / " /proc/self/mountinfo || grep -m1 " /[^ ]* / " /proc/self/mountinfo'], (config) => {
        config.linux.rootfsPropagation = propagation;
        if (!users) return;
        config.linux.namespaces.push({ type: 'user' });
        for (const mappings of ['uidMappings', 'gidMappings']) config.linux[mappings] = [{ containerID: 0, hostID: 0, size: 65_536 }];
      });
      const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', 'mount --make-rshared / && exec "$0" "$@"', core, '--root', root, 'run', '--bundle', join(folder, container), container], { encoding: 'utf8' });
      expect({ users, stderr, stdout }).toEqual({ users, stderr: '', stdout: expect.stringMatching(/ master:\d+ /) as string });
    }
  });

  it('a sysctl that says what the hostname says is no contradiction', () => {
    expect(run(bundle(['hostname'], (config) => { config.linux.sysctl = { 'kernel.hostname': 'box' }; }))).toMatchObject({ status: 0, stdout: 'box\n', stderr: '' });
  });
});

describe('the lists', () => {
  it('are in the order of names; a root that was named and is not there is an error', () => {
    const made = ['sleep', 'sleep', 'sleep'].map((command) => bundle([command, '100']));
    for (const container of [...made].reverse()) start(container);
    expect(oci('list', '-q').stdout.trim().split('\n')).toEqual([...made].sort());
    expect(spawnSync(core, ['--root', join(folder, 'none'), 'list'], { encoding: 'utf8' })).toMatchObject({ status: 1, stderr: expect.stringContaining('none: No such file or directory') });
  });

  it('--debug says what is done', () => {
    const container = bundle(['true']);
    const result = spawnSync(core, ['--root', root, '--debug', 'run', '--bundle', join(folder, container), container], { encoding: 'utf8' });
    expect(result.status).toBe(0);
    expect(result.stderr).toMatch(/^time="[^"]+" level=debug msg="bundle .* is read"\n/);
    expect(result.stderr).toContain(`container ${container} is started`);
  });
});

const hugeSizes = existsSync('/sys/fs/cgroup/unified/cgroup.controllers') && readFileSync('/sys/fs/cgroup/unified/cgroup.controllers', 'utf8').split(/\s/).includes('hugetlb');
describe.runIf(hugeSizes)(`huge pages, whose controller is version 2's in the hybrid layout${hugeSizes ? '' : ' (skipped: no hugetlb controller of cgroup v2)'}`, () => {
  const file = (container: string): string => readFileSync(`/sys/fs/cgroup/unified/${group}/${container}/hugetlb.2MB.max`, 'utf8').trim();

  it('are limited there, and the limit is changed while the container runs', () => {
    const container = bundle(['sleep', '100'], (config) => { config.linux.resources = { hugepageLimits: [{ pageSize: '2MB', limit: 4 << 20 }] }; });
    start(container);
    expect(file(container)).toBe(String(4 << 20));
    writeFileSync(join(folder, 'resources.json'), JSON.stringify({ hugepageLimits: [{ pageSize: '2MB', limit: 8 << 20 }] }));
    expect(oci('update', '--resources', join(folder, 'resources.json'), container)).toMatchObject({ status: 0, stderr: '' });
    expect(file(container)).toBe(String(8 << 20));
  });
});
