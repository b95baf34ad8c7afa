import { describe, expect, it } from 'vitest';
import { bundleOf, type BundleInput, type ResolvedMount } from '../../../src/runtime/container/bundle.ts';
import { DEFAULT_SECURITY } from '../../../src/state/confinement.ts';
import { imageOf, specOf } from './container-spec.ts';

function inputOf(change: Partial<BundleInput> = {}): BundleInput {
  return {
    id: 'ab'.repeat(32), name: 'demo-web-1', stack: 'demo', mountedImages: [], spec: specOf(), image: imageOf(),
    root: { path: '/run/b/rootfs', overlay: { cwd: '/layers', lowerdirs: ['base', 'top'], upperdir: '/c/upper', workdir: '/c/work' }, mapped: false },
    netns: '/run/b/netns/abab', cgroupsPath: '/bayplan/abab', hostname: 'web',
    files: { hosts: '/c/hosts', hostname: '/c/hostname', resolvConf: '/c/resolv.conf' }, mounts: [], seccompBpf: '/run/b/default.bpf', deviceNumbers: () => ({ major: 254, minor: 0 }), ...change,
  };
}
const mount = (change: Partial<ResolvedMount>): ResolvedMount =>
  ({ type: 'bind', source: '/src', target: '/dst', readOnly: false, propagation: '', recursive: 'enabled' as const, size: null, mode: null, options: [], ...change });
const mountLines = (input: BundleInput): string[] =>
  bundleOf(input).mounts.map(({ destination, type, source, options }) => `${destination} ${type} ${source} ${options.join(',')}`);

describe('bundleOf', () => {
  it('mounts the system, the engine\'s files, then what was asked for', () => {
    const mounts = [mount({ readOnly: true }), mount({ type: 'tmpfs', target: '/scratch', size: 1024, mode: 0o1777, options: ['uid=1'] })];
    expect(mountLines(inputOf({ mounts }))).toEqual([
      '/proc proc proc nosuid,noexec,nodev',
      '/dev tmpfs tmpfs nosuid,strictatime,mode=755,size=65536k',
      '/dev/pts devpts devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5',
      '/sys sysfs sysfs nosuid,noexec,nodev,ro',
      '/sys/fs/cgroup cgroup cgroup ro,nosuid,noexec,nodev',
      '/dev/mqueue mqueue mqueue nosuid,noexec,nodev',
      '/dev/shm tmpfs shm nosuid,noexec,nodev,mode=1777,size=67108864',
      '/etc/resolv.conf bind /c/resolv.conf bind,rprivate',
      '/etc/hostname bind /c/hostname bind,rprivate',
      '/etc/hosts bind /c/hosts bind,rprivate',
      '/dst bind /src rbind,rro,rprivate',
      '/scratch tmpfs tmpfs nosuid,nodev,noexec,uid=1,size=1024,mode=1777',
    ]);
  });

  it('lets a mount take the place of one of the system\'s', () => {
    const lines = mountLines(inputOf({ mounts: [mount({ target: '/dev/shm/' }), mount({ target: '/etc/hosts' })] }));
    expect(lines.filter((line) => line.startsWith('/dev/shm') || line.startsWith('/etc/hosts'))).toEqual(['/dev/shm/ bind /src rbind,rprivate', '/etc/hosts bind /src rbind,rprivate']);
  });

  it('writes the overlay topmost first, by names relative to its folder', () => {
    expect(bundleOf(inputOf()).annotations).toEqual({
      'io.bayplan.user': '0', 'io.bayplan.id': 'ab'.repeat(32), 'io.bayplan.name': 'demo-web-1', 'io.bayplan.stack': 'demo', 'io.bayplan.images': inputOf().spec.imageId, 'io.bayplan.overlay.cwd': '/layers',
      'io.bayplan.overlay': 'lowerdir=top:base,upperdir=/c/upper,workdir=/c/work', 'io.bayplan.seccomp.bpf': '/run/b/default.bpf',
    });
    const odd = { cwd: '/l', lowerdirs: ['a:b'], upperdir: '/c,d', workdir: '/w' };
    expect(bundleOf(inputOf({ root: { path: '/r', overlay: odd, mapped: false } })).annotations['io.bayplan.overlay']).toBe('lowerdir=a\\:b,upperdir=/c\\,d,workdir=/w');
    expect(() => bundleOf(inputOf({ root: { path: '/r', overlay: { ...odd, lowerdirs: [] }, mapped: false } }))).toThrow('no layers');
  });

  it('joins the network namespace by path, shares the host\'s, or makes an empty one', () => {
    const network = (change: Partial<BundleInput>): unknown => bundleOf(inputOf(change)).linux.namespaces.find(({ type }) => type === 'network');
    expect(network({})).toEqual({ type: 'network', path: '/run/b/netns/abab' });
    expect(network({ netns: null })).toEqual({ type: 'network' });
    expect(network({ netns: null, spec: specOf({ networkMode: 'host' }) })).toBeUndefined();
  });

  it('lives in the user namespace that is there, and sees what belongs to anybody by its mappings', () => {
    const users = { path: '/run/b/userns/abab', uids: [{ containerId: 0, hostId: 700, size: 10 }], gids: [{ containerId: 0, hostId: 900, size: 10 }] };
    const config = bundleOf(inputOf({ users, mounts: [mount({}), mount({ type: 'image', target: '/image' }), mount({ type: 'tmpfs', target: '/t' })] }));
    expect(config.linux.namespaces).toContainEqual({ type: 'user', path: '/run/b/userns/abab' });
    expect(config.linux).toMatchObject({ uidMappings: [{ containerID: 0, hostID: 700, size: 10 }], gidMappings: [{ containerID: 0, hostID: 900, size: 10 }] });
    expect(config.annotations['io.bayplan.overlay.idmap']).toBe('true');
    expect(config.mounts.filter(({ options }) => options.includes('users')).map(({ destination }) => destination)).toEqual(['/dst', '/image']);
  });

  it('shares namespaces of processes, takes those that a file pins, and leaves names that are not its own', () => {
    const namespaces = { pid: 'container:x', ipc: 'ns:/i', uts: 'container:y', cgroup: 'host', user: '', time: 'private' };
    const config = bundleOf(inputOf({ spec: specOf({ namespaces, domainname: 'd', clockOffsets: { monotonicMs: 1500, boottimeMs: -1500 } }), donors: { pid: 7, ipc: null, uts: 8, cgroup: null, time: null } }));
    expect(config.linux.namespaces).toEqual([{ type: 'pid', path: '/proc/7/ns/pid' }, { type: 'network', path: '/run/b/netns/abab' }, { type: 'ipc', path: '/i' }, { type: 'mount' }, { type: 'uts', path: '/proc/8/ns/uts' }, { type: 'time' }]);
    expect(config.linux.timeOffsets).toEqual({ monotonic: { secs: 1, nanosecs: 500_000_000 }, boottime: { secs: -2, nanosecs: 500_000_000 } });
    expect([config.hostname, config.domainname]).toEqual([undefined, undefined]);
  });

  it('carries the profile itself where no compiled one is given', () => {
    expect(bundleOf(inputOf()).linux.seccomp).toBeUndefined();
    expect(bundleOf(inputOf({ seccompBpf: null })).linux.seccomp).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO' });
  });

  it('hides what Docker hides, and nothing of what is privileged or asks for all', () => {
    const of = (change: Parameters<typeof specOf>[0]): readonly unknown[] => {
      const { maskedPaths, readonlyPaths, seccomp } = bundleOf(inputOf({ seccompBpf: null, spec: specOf(change) })).linux;
      return [maskedPaths?.length, readonlyPaths?.length, seccomp !== undefined];
    };
    const usual = bundleOf(inputOf()).linux;
    expect(usual.maskedPaths).toEqual([
      '/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats', '/proc/sched_debug', '/proc/scsi', '/proc/timer_list', '/proc/timer_stats', '/sys/devices/virtual/powercap', '/sys/firmware',
    ]);
    expect(usual.readonlyPaths).toEqual(['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']);
    expect(of({})).toEqual([12, 5, true]);
    expect(of({ privileged: true })).toEqual([0, 0, false]);
    expect(of({ security: { ...DEFAULT_SECURITY, maskPaths: false } })).toEqual([0, 0, true]);
    expect(of({ security: { ...DEFAULT_SECURITY, seccomp: 'unconfined' } })).toEqual([12, 5, false]);
    expect(of({ privileged: true, security: { ...DEFAULT_SECURITY, seccomp: '/profile.json' } })).toEqual([0, 0, true]); // the file asks for one
  });

  it('opens the root\'s propagation only for a mount that needs it', () => {
    expect(bundleOf(inputOf()).linux.rootfsPropagation).toBeUndefined();
    expect(bundleOf(inputOf({ mounts: [mount({ propagation: 'rslave' })] })).linux.rootfsPropagation).toBe('rslave');
    expect(bundleOf(inputOf({ mounts: [mount({ propagation: 'rslave' }), mount({ propagation: 'rshared' })] })).linux.rootfsPropagation).toBe('shared');
  });

  it('refuses targets that cannot be', () => {
    expect(() => bundleOf(inputOf({ mounts: [mount({ target: 'data' })] }))).toThrow('mount data: the target is not an absolute path');
    expect(() => bundleOf(inputOf({ mounts: [mount({ target: '//' })] }))).toThrow('the target is the root itself');
  });
});
