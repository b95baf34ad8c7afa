import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { core, ociWorld, type Config } from './oci-world.ts';

// The core's OCI command line, without an engine: bundles of one busybox root.
const { folder, group, root, rootfs, names, closers, bundle, oci, run, start, create, state, stopped, cgroups } = ociWorld();

describe('a container\'s life', () => {
  it('runs in the foreground with our stdio, and ends with the program\'s code', () => {
    const result = run(bundle(['sh', '-c', 'echo out; echo err >&2; hostname; exit 3']));
    expect(result).toMatchObject({ status: 3, stdout: 'out\nbox\n', stderr: 'err\n' });
  });

  it('is created, started, stopped and deleted', async () => {
    const name = bundle(['sh', '-c', 'echo ran > /tmp/ran; sleep 100'], (config) => { config.annotations = { 'org.example': 'x' }; });
    expect(create(name, '--pid-file', join(folder, 'pid'))).toEqual({ status: 0, stderr: '' });
    const created = state(name);
    expect(created).toMatchObject({ ociVersion: '1.2.0', id: name, status: 'created', bundle: join(folder, name), rootfs, annotations: { 'org.example': 'x' }, owner: '0' });
    expect(Number(readFileSync(join(folder, 'pid'), 'utf8'))).toBe(created.pid);
    expect(existsSync(join(rootfs, 'tmp/ran'))).toBe(false);
    writeFileSync(join(folder, name, 'config.json'), '{}'); // has no effect any more
    expect(oci('delete', name)).toMatchObject({ status: 1, stderr: `cannot delete container ${name} that is not stopped: created\n` });
    expect(oci('start', name)).toMatchObject({ status: 0, stderr: '' });
    await eventually(() => expect(readFileSync(join(rootfs, 'tmp/ran'), 'utf8')).toBe('ran\n'));
    expect(state(name)).toMatchObject({ status: 'running', pid: created.pid });
    expect(oci('start', name)).toMatchObject({ status: 1, stderr: expect.stringContaining('it is running, not created') });
    expect(oci('list', '-q').stdout).toBe(`${name}\n`);
    expect(JSON.parse(oci('ps', '--format', 'json', name).stdout)).toContain(created.pid);
    expect(oci('kill', name, 'KILL').status).toBe(0);
    await stopped(name);
    expect(oci('kill', name)).toMatchObject({ status: 1, stderr: expect.stringContaining('not running') });
    expect(oci('delete', name)).toMatchObject({ status: 0, stderr: '' });
    expect(oci('state', name)).toMatchObject({ status: 1, stderr: `container does not exist: ${name}\n` });
    rmSync(join(rootfs, 'tmp/ran'));
  });

  it('is deleted by whoever has just seen its last words, though its program has not quite ended', async () => {
    const name = bundle(['sh', '-c', 'echo ran > /tmp/last; usleep 60000']);
    const last = join(rootfs, 'tmp/last');
    start(name);
    await eventually(() => expect(existsSync(last)).toBe(true));
    expect(oci('delete', name)).toMatchObject({ status: 0, stderr: '' });
    rmSync(last);
  });

  it('refuses a second one of the name, names that are paths, and unknown commands', () => {
    const name = bundle(['sleep', '100']);
    start(name);
    expect(run(name)).toMatchObject({ status: 1, stderr: `container with id exists: ${name}\n` });
    expect(oci('state', '../x')).toMatchObject({ status: 1, stderr: expect.stringContaining('invalid container id') });
    expect(oci('nonsense')).toMatchObject({ status: 1, stderr: expect.stringContaining('unknown command "nonsense"') });
    expect(oci('--systemd-cgroup', 'list')).toMatchObject({ status: 1, stderr: expect.stringContaining('--systemd-cgroup is not supported') });
  });

  it('tells failures on stderr, and in the log too', () => {
    const log = join(folder, 'log.json');
    expect(spawnSync(core, ['--root', root, '--log', log, '--log-format', 'json', 'state', 'none'], { encoding: 'utf8' })).toMatchObject({ status: 1, stderr: 'error: container does not exist: none\n' });
    expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({ level: 'error', msg: 'container does not exist: none' });
  });

  it('is paused and resumed', () => {
    const name = bundle(['sleep', '100']);
    start(name);
    expect(oci('pause', name)).toMatchObject({ status: 0, stderr: '' });
    expect(state(name).status).toBe('paused');
    expect(oci('exec', name, 'true')).toMatchObject({ status: 255, stderr: expect.stringContaining('cannot exec in a paused container') });
    expect(oci('resume', name)).toMatchObject({ status: 0, stderr: '' });
    expect(state(name).status).toBe('running');
    expect(oci('resume', name).status).toBe(1);
  });

  it('changes limits and tells what is used', () => {
    const name = bundle(['sleep', '100']);
    start(name);
    expect(oci('update', '--memory', '64M', '--pids-limit', '50', name)).toMatchObject({ status: 0, stderr: '' });
    const { data } = JSON.parse(oci('events', '--stats', name).stdout);
    expect(data).toMatchObject({ memory: { usage: { limit: 64 << 20 } }, pids: { limit: 50, current: 1 } });
    expect(oci('update', '--memory', 'much', name)).toMatchObject({ status: 1, stderr: '--memory: "much" is no number\n' });
  });
});

describe('exec', () => {
  it('has the container\'s world and a user, environment and folder of its own', async () => {
    const name = bundle(['sleep', '100']);
    start(name);
    const result = oci('exec', '--user', '12:34', '--env', 'A=b', '--cwd', '/tmp', '--additional-gids', '56', name, 'sh', '-c', 'echo $A $(pwd) $(id -u) $(id -g) $(id -G); hostname; exit 7');
    expect(result).toMatchObject({ status: 7, stdout: 'b /tmp 12 34 34 56\nbox\n' });
    expect(oci('exec', '--detach', '--pid-file', join(folder, 'nosuch/pid'), name, 'sleep', '98765')).toMatchObject({ status: 255, stderr: expect.stringContaining('nosuch/pid') });
    await eventually(() => expect(oci('ps', name).stdout).not.toContain('98765')); // nobody could find it
    expect(oci('exec', name, 'nothing')).toMatchObject({ status: 127, stderr: expect.stringContaining('not found in the container\'s PATH') });
    expect(oci('exec', '--env', 'PATH=/bin:/x', name, 'sh', '-c', 'echo $PATH').stdout).toBe('/bin:/x\n');
    writeFileSync(join(folder, 'process.json'), JSON.stringify({ args: ['sh', '-c', 'echo from a file'], cwd: '/', env: ['PATH=/bin'] }));
    expect(oci('exec', '--process', join(folder, 'process.json'), name)).toMatchObject({ status: 0, stdout: 'from a file\n' });
  });

  it('in a part of the container\'s cgroup is held by that in every hierarchy, or refused', () => {
    const name = bundle(['sleep', '100']);
    start(name);
    const refused = { status: 255, stdout: '', stderr: expect.stringMatching(/^--cgroup part: the container has no such cgroup \(\w+\): make it first\n$/) };
    expect(oci('exec', '--cgroup', 'part', name, 'true')).toMatchObject(refused);
    const [first = '', ...others] = cgroups(name);
    mkdirSync(join(first, 'part'));
    if (others.length > 0) expect(oci('exec', '--cgroup', 'part', name, 'true')).toMatchObject(refused);
    for (const folder of others) mkdirSync(join(folder, 'part'));
    expect(oci('exec', '--cgroup', 'part', '--detach', '--pid-file', join(folder, 'part-pid'), name, 'sleep', '100').status).toBe(0);
    const pid = readFileSync(join(folder, 'part-pid'), 'utf8').trim();
    for (const one of [first, ...others]) expect(readFileSync(join(one, 'part/cgroup.procs'), 'utf8').split('\n'), one).toContain(pid);
  });

  it('is refused in a stopped container', async () => {
    const name = bundle(['true']);
    start(name);
    await stopped(name);
    expect(oci('exec', name, 'true')).toMatchObject({ status: 255, stderr: `cannot exec in a stopped container (${name})\n` });
  });
});

describe('a terminal', () => {
  it('goes over the console socket', async () => {
    const socket = join(folder, 'console.sock');
    const connected = new Promise<void>((resolve) => { const server = createServer({ pauseOnConnect: true }, (client) => { resolve(); closers.push(() => { client.destroy(); server.close(); }); }).listen(socket); }); // what is not read keeps the terminal open
    await eventually(() => expect(existsSync(socket)).toBe(true));
    const name = bundle(['sleep', '100'], (config) => { config.process.terminal = true; });
    const child = spawn(core, ['--root', root, 'create', '--console-socket', socket, '--bundle', join(folder, name), name], { stdio: 'ignore' });
    const code = new Promise((resolve) => child.once('close', resolve));
    await connected;
    expect(await code).toBe(0);
    expect(readlinkSync(`/proc/${state(name).pid}/fd/0`)).toBe('/dev/pts/0');
    const other = bundle(['true'], (config) => { config.process.terminal = true; });
    expect(create(other)).toMatchObject({ status: 1, stderr: expect.stringContaining('needs --console-socket') });
  });
});

describe('hooks', () => {
  const hook = (script: string): { path: string; args: string[] } => ({ path: '/bin/sh', args: ['sh', '-c', script] });
  const told = (kind: string): { path: string; args: string[] } => hook(`echo ${kind} $(tr -d '\\n' | sed 's/.*"status":"\\([a-z]*\\)".*/\\1/') >> ${join(folder, 'hooks')}`);

  it('of every kind run at their time, with the state on stdin', async () => {
    rmSync(join(folder, 'hooks'), { force: true });
    const name = bundle(['true'], (config) => {
      config.hooks = Object.fromEntries(['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop'].map((kind) => [kind, [told(kind)]]));
      config.hooks.startContainer = [{ path: '/bin/sh', args: ['sh', '-c', 'cat > /tmp/startContainer'] }];
    });
    expect(create(name)).toEqual({ status: 0, stderr: '' });
    expect(readFileSync(join(folder, 'hooks'), 'utf8')).toBe('prestart created\ncreateRuntime created\ncreateContainer created\n');
    expect(oci('start', name)).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(readFileSync(join(rootfs, 'tmp/startContainer'), 'utf8'))).toMatchObject({ id: name, status: 'created', pid: 1 });
    await stopped(name);
    expect(oci('delete', name).status).toBe(0);
    expect(readFileSync(join(folder, 'hooks'), 'utf8')).toMatch(/createContainer created\npoststart running\npoststop stopped\n$/);
    rmSync(join(rootfs, 'tmp/startContainer'));
  });

  it.each(['prestart', 'createRuntime', 'createContainer', 'startContainer'])('that fail at %s undo the container', (kind) => {
    rmSync(join(folder, 'hooks'), { force: true });
    const name = bundle(['sleep', '100'], (config) => { config.hooks = { [kind]: [{ path: '/bin/sh', args: ['sh', '-c', 'echo why >&2; exit 5'] }], poststop: [told('poststop')] }; });
    expect(run(name)).toMatchObject({ status: 1, stderr: `error running ${kind} hook #0: /bin/sh: exit status 5: why\n` });
    expect(oci('state', name).status).toBe(1);
    expect(cgroups(name)).toEqual([]);
    expect(readFileSync(join(folder, 'hooks'), 'utf8')).toBe('poststop stopped\n');
  });

  it('that are killed are named with the signal', () => {
    const name = bundle(['true'], (config) => { config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', 'kill -KILL $$'] }] }; });
    expect(run(name)).toMatchObject({ status: 1, stderr: 'error running createRuntime hook #0: /bin/sh: killed by signal 9, killed\n' });
  });

  it('that take too long are ended', () => {
    const name = bundle(['true'], (config) => { config.hooks = { createRuntime: [{ ...hook('sleep 100'), timeout: 1 }] }; });
    expect(run(name)).toMatchObject({ status: 1, stderr: 'error running createRuntime hook #0: /bin/sh: not done within 1 s\n' });
  });
});

describe('namespaces', () => {
  const of = (pid: number | string, kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`);
  const FILES: Record<string, string> = { pid: 'pid', network: 'net', ipc: 'ipc', uts: 'uts', cgroup: 'cgroup', time: 'time', user: 'user', mount: 'mnt' };

  it('are new, the host\'s, or another container\'s', () => {
    const first = bundle(['sleep', '100'], (config) => { config.linux.namespaces.push({ type: 'cgroup' }, { type: 'time' }); });
    start(first);
    const { pid } = state(first);
    for (const file of ['pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup', 'time']) expect(of(pid, file)).not.toBe(of('self', file));
    const second = bundle(['sleep', '100'], (config) => {
      config.linux.namespaces = [{ type: 'mount' }, ...['pid', 'network', 'ipc', 'uts', 'cgroup', 'time'].map((type) => ({ type, path: `/proc/${pid}/ns/${FILES[type] ?? ''}` }))];
    });
    start(second);
    for (const file of ['pid', 'net', 'ipc', 'uts', 'cgroup', 'time']) expect(of(state(second).pid, file)).toBe(of(pid, file));
    const third = bundle(['sleep', '100'], (config) => { config.linux.namespaces = [{ type: 'mount' }]; delete config.hostname; });
    start(third);
    for (const file of ['pid', 'net', 'ipc', 'uts', 'user']) expect(of(state(third).pid, file)).toBe(of('self', file));
  });

  it('of mounts may be the host\'s: what was mounted goes with the container', () => {
    const name = bundle(['sleep', '100'], (config) => { config.linux.namespaces = []; delete config.hostname; });
    start(name);
    expect(of(state(name).pid, 'mnt')).toBe(of('self', 'mnt'));
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(` ${rootfs}/proc `);
    expect(oci('delete', '--force', name)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(` ${rootfs}`);
  });

  it('of time have their offsets', () => {
    const name = bundle(['cat', '/proc/uptime'], (config) => { config.linux.namespaces.push({ type: 'time' }); config.linux.timeOffsets = { boottime: { secs: 1_000_000, nanosecs: 0 } }; });
    expect(Number(run(name).stdout.split(' ')[0])).toBeGreaterThan(1_000_000);
  });

  it('by a path that is none are refused', () => {
    const refused = (namespace: { type: string; path: string }): string => run(bundle(['true'], (config) => { config.linux.namespaces = [...config.linux.namespaces.filter(({ type }) => type !== namespace.type), namespace]; })).stderr;
    expect(refused({ type: 'ipc', path: '/nowhere' })).toBe('the ipc namespace /nowhere does not exist\n');
    expect(refused({ type: 'ipc', path: '/proc/self/ns/uts' })).toBe('/proc/self/ns/uts is no ipc namespace\n');
    expect(refused({ type: 'ipc', path: '/etc/passwd' })).toBe('/etc/passwd is no namespace (a ipc one is wanted)\n');
  });
});

describe('a user namespace', () => {
  const mapped = (config: Config): void => {
    config.linux.namespaces.push({ type: 'user' });
    config.linux.uidMappings = [{ containerID: 0, hostID: 200_000, size: 65_536 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 300_000, size: 65_536 }];
  };
  const own = join(folder, 'mapped');
  beforeAll(() => {
    execFileSync('cp', ['-a', rootfs, own]);
    execFileSync('chown', ['-hR', '200000:300000', own]);
  });

  it('has its own root, and others\' files through idmapped mounts', () => {
    const data = join(folder, 'data');
    mkdirSync(data);
    writeFileSync(join(data, 'file'), 'x');
    const name = bundle(['sh', '-c', 'id -u; cat /proc/self/uid_map; stat -c %u:%g /data/file; touch /data/new; echo >/dev/null; stat -c %u /etc'], (config) => {
      mapped(config);
      config.root.path = own;
      config.mounts.push({ destination: '/data', type: 'bind', source: data, options: ['bind', 'idmap'] });
    });
    const result = run(name);
    expect(result.stderr).toBe('');
    expect(result.stdout.replace(/ +/g, ' ')).toBe('0\n 0 200000 65536\n0:0\n0\n');
    expect(statSync(join(data, 'new'))).toMatchObject({ uid: 0, gid: 0 });
  });

  it('can be entered', () => {
    const name = bundle(['sleep', '100'], (config) => { mapped(config); config.root.path = own; });
    start(name);
    expect(oci('exec', name, 'sh', '-c', 'id -u; cat /proc/self/gid_map | tr -s " "')).toMatchObject({ status: 0, stdout: '0\n 0 300000 65536\n' });
    expect(readFileSync(`/proc/${state(name).pid}/status`, 'utf8')).toMatch(/^Uid:\t200000/m);
  });

  it('that is joined has its users in idmapped mounts too', () => {
    const first = bundle(['sleep', '100'], (config) => { mapped(config); config.root.path = own; });
    start(first);
    const second = bundle(['stat', '-c', '%u', '/tmp'], (config) => {
      config.root.path = own;
      config.linux.namespaces.push({ type: 'user', path: `/proc/${state(first).pid}/ns/user` });
      config.mounts.push({ destination: '/tmp', type: 'bind', source: join(folder, 'data'), options: ['bind', 'idmap'] });
    });
    expect(run(second)).toMatchObject({ status: 0, stdout: '0\n', stderr: '' });
  });

  it('without mappings is refused', () => {
    expect(run(bundle(['true'], (config) => { config.linux.namespaces.push({ type: 'user' }); })).stderr).toBe('config.json: linux: a new user namespace needs uidMappings and gidMappings\n');
  });
});

describe('file systems', () => {
  it('have every kind of option', () => {
    const inner = join(folder, 'tree/inner');
    mkdirSync(inner, { recursive: true });
    mkdirSync(join(rootfs, 'full'));
    writeFileSync(join(rootfs, 'full/file'), 'kept');
    const script = 'cat /full/file; echo; grep -E " /(full|tree|tree/inner) " /proc/self/mountinfo | cut -d" " -f5,6; awk "\\$5 == \\"/\\" { print \\$7 }" /proc/self/mountinfo; touch /tree/inner/x 2>&1';
    execFileSync('mount', ['-t', 'tmpfs', 'bayplan-test', inner]);
    try {
      const result = run(bundle(['sh', '-c', script], (config) => {
        config.mounts.push({ destination: '/full', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'nosuid', 'ro'] }, { destination: '/tree', type: 'bind', source: join(folder, 'tree'), options: ['rbind', 'rro', 'rnosuid'] });
        config.linux.rootfsPropagation = 'shared';
      }));
      expect(result.stdout).toBe(`kept\n/full ro,nosuid,relatime\n/tree ro,nosuid,relatime\n/tree/inner ro,nosuid,relatime\n${/shared:\d+/.exec(result.stdout)?.[0] ?? 'shared'}\ntouch: /tree/inner/x: Read-only file system\n`);
    } finally {
      execFileSync('umount', [inner]);
      rmSync(join(rootfs, 'full'), { recursive: true });
    }
  });

  it('are left in place where the root cannot be pivoted into', () => {
    expect(run(bundle(['ls', '/bin/busybox']), '--no-pivot')).toMatchObject({ status: 0, stdout: '/bin/busybox\n' });
  });
});

describe('the process', () => {
  it('has its scheduling, and only the descriptors it was given', () => {
    const name = bundle(['sh', '-c', 'cut -d" " -f19 /proc/self/stat; ionice; ls /proc/self/fd'], (config) => {
      config.process.scheduler = { policy: 'SCHED_BATCH', nice: 7 };
      config.process.ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 6 };
    });
    const lines = run(name).stdout.trim().split('\n');
    expect(lines.slice(0, 2)).toEqual(['7', 'best-effort: prio 6']);
    expect(lines.slice(2)).toEqual(['0', '1', '2', '3']); // the folder that ls reads
    const kept = spawnSync(core, ['--root', root, 'run', '--preserve-fds', '1', '--bundle', join(folder, bundle(['ls', '/proc/self/fd'])), names.at(-1) ?? ''], { stdio: ['ignore', 'pipe', 'pipe', 0], encoding: 'utf8' });
    expect(kept.stderr).toBe('');
    expect(kept.stdout.trim().split('\n')).toEqual(['0', '1', '2', '3', '4']);
    expect(run(bundle(['true']), '--preserve-fds', '3').stderr).toMatch(/descriptor \d is not open/);
  });
});

const numa = existsSync('/proc/self/numa_maps');
it.runIf(numa)(`the memory policy is that of the first process and of exec${numa ? '' : ' (skipped: no /proc/self/numa_maps: a kernel without NUMA)'}`, () => {
  const policy = ['sh', '-c', 'head -n 1 /proc/self/numa_maps | cut -d" " -f2'];
  const bound = (config: Config): void => { config.linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] }; };
  expect(run(bundle(policy, bound))).toMatchObject({ status: 0, stdout: 'bind=static:0\n', stderr: '' });
  const name = bundle(['sleep', '100'], bound);
  start(name);
  expect(oci('exec', name, ...policy)).toMatchObject({ status: 0, stdout: 'bind=static:0\n', stderr: '' });
});

describe('what cannot be done', () => {
  const refused = (edit: (config: Config) => void, args = ['true']): { status: number | null; stderr: string } => {
    const { status, stderr } = run(bundle(args, edit));
    return { status, stderr };
  };
  it.each<[string, (config: Config) => void, string]>([
    ['a wrong type', (config) => { config.process.cwd = 7; }, 'config.json: process.cwd: a string is wanted, not a number'],
    ['two of one namespace', (config) => { config.linux.namespaces.push({ type: 'pid' }); }, 'config.json: linux.namespaces: two of type pid'],
    ['an unknown namespace', (config) => { config.linux.namespaces.push({ type: 'space' }); }, 'config.json: linux.namespaces: unknown type "space"'],
    ['a hostname without a namespace', (config) => { config.linux.namespaces = [{ type: 'mount' }]; }, 'config.json: hostname: a uts namespace is needed, else the host\'s own name would change'],
    ['a version to come', (config) => { config.ociVersion = '2.0.0'; }, 'config.json: ociVersion: 2.0.0 is not supported (1.0 to 1.2 are)'],
    ['a limit that contradicts itself', (config) => { config.process.rlimits = [{ type: 'RLIMIT_CORE', soft: 2, hard: 1 }]; }, 'config.json: process.rlimits: RLIMIT_CORE: soft (2) is more than hard (1)'],
    ['a bind without a source', (config) => { config.mounts.push({ destination: '/x', type: 'bind' }); }, 'config.json: /x: a bind without a source'],
    ['Intel RDT', (config) => { config.linux.intelRdt = { closID: 'x' }; }, 'config.json: linux.intelRdt: not supported'],
    ['a sysctl of the host\'s', (config) => { config.linux.sysctl = { 'kernel.panic': '1' }; }, 'sysctl kernel.panic: belongs to no namespace, so it would change the host\'s'],
    ['no root', (config) => { config.root.path = '/nowhere/at/all'; }, 'root.path /nowhere/at/all: No such file or directory'],
    ['a device without a type', (config) => { config.linux.devices = [{ path: '/dev/x' }]; }, 'config.json: linux.devices[0]: a device needs an absolute path and a type'],
    ['an AppArmor profile without AppArmor', (config) => { if (!existsSync('/sys/module/apparmor')) config.process.apparmorProfile = 'x'; else config.ociVersion = ''; }, ''],
    ['a memory policy of no mode', (config) => { config.linux.memoryPolicy = { nodes: '0' }; }, 'config.json: linux.memoryPolicy: invalid memory policy mode ""'],
    ['a memory policy with nodes that it cannot have', (config) => { config.linux.memoryPolicy = { mode: 'MPOL_DEFAULT', nodes: '0-7' }; }, 'config.json: linux.memoryPolicy: MPOL_DEFAULT mode requires 0 nodes but got 8'],
    ['a memory policy of nodes beyond all machines', (config) => { config.linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0-9876543210' }; }, 'config.json: linux.memoryPolicy: invalid memory policy nodes "0-9876543210": a list such as 0-3,7 is wanted, of nodes below 1024'],
    ['a deadline before its runtime is over', (config) => { config.process.scheduler = { policy: 'SCHED_DEADLINE', runtime: 20_000, deadline: 10_000 }; }, 'config.json: process.scheduler: sched_setattr: `SCHED_DEADLINE` runtime 20000 must be <= deadline 10000'],
    ['a deadline without a runtime', (config) => { config.process.scheduler = { policy: 'SCHED_DEADLINE', deadline: 10_000 }; }, 'config.json: process.scheduler: sched_setattr: `SCHED_DEADLINE` requires `runtime`'],
    ['calls for a seccomp listener that has no socket', (config) => { config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }] }; }, 'seccomp: SCMP_ACT_NOTIFY needs a listenerPath'],
    ['a seccomp agent that is not there', (config) => { config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/nowhere', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }] }; }, 'failed to connect with seccomp agent: connect /nowhere: No such file or directory'],
    ['a seccomp listener for what the set-up itself needs', (config) => { config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/nowhere', syscalls: [{ names: ['write'], action: 'SCMP_ACT_NOTIFY' }] }; }, 'seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall'],
  ])('%s is said in one line, and nothing is left', (_, edit, message) => {
    const { status, stderr } = refused(edit);
    expect(status).toBe(1);
    expect(stderr.split('\n')).toHaveLength(2);
    if (message !== '') expect(stderr).toBe(`${message}\n`);
  });

  it('names the interpreter that a script lacks', () => {
    expect(refused(() => undefined, ['script'])).toEqual({ status: 127, stderr: 'exec /bin/script: its interpreter /usr/bin/python9 is not in the container\n' });
    expect(refused(() => undefined, ['/etc/passwd'])).toEqual({ status: 126, stderr: 'exec /etc/passwd: permission denied\n' });
  });

  it('says why a limit cannot be raised', () => {
    const free = spawnSync('sh', ['-c', 'ulimit -Hn 2000000 2>/dev/null'], { encoding: 'utf8' }).status === 0;
    const { status, stderr } = refused((config) => { config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: free ? 99_999_999_999 : 4_000_000 }]; });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^RLIMIT_NOFILE cannot be set to 1024:\d+: the engine itself may not raise it above its own hard limit \(CAP_SYS_RESOURCE, fs.nr_open\)\n$/);
  });

  it('refuses files that are no configuration', () => {
    const name = bundle(['true']);
    const file = join(folder, name, 'config.json');
    const said = (text: string | Buffer): string => { writeFileSync(file, text); return run(name).stderr.replace(file, 'FILE'); };
    expect(said('')).toBe('FILE: is empty\n');
    expect(said('[]')).toBe('FILE: an object is wanted at its top\n');
    expect(said('{"a":1,"a":2}')).toMatch(/^FILE: line 1, column \d+: duplicate object key/);
    expect(said(Buffer.alloc(5 << 20, ' '))).toBe('FILE: 5242880 bytes are too many (at most 4194304)\n');
    expect(said('['.repeat(100_000))).toMatch(/^FILE: line 1, column \d+: maximum parsing depth reached/);
    expect(said('{"ociVersion":"1.2.0"}')).toBe('config.json: root.path: missing\n');
    rmSync(file);
    expect(run(name).stderr).toBe('open FILE: No such file or directory\n'.replace('FILE', file));
  });
});

describe('what the runtime says of itself', () => {
  it('is true', () => {
    const features = JSON.parse(oci('features').stdout);
    expect(features).toMatchObject({ ociVersionMax: '1.2.0', linux: { cgroup: { v1: true, v2: true, systemd: false }, seccomp: { enabled: true }, selinux: { enabled: false } } });
    expect(features.hooks).toContain('createContainer');
    expect(features.mountOptions).toEqual(expect.arrayContaining(['rro', 'ridmap', 'tmpcopyup', 'rbind']));
    expect(features.linux.namespaces.includes('time')).toBe(existsSync('/proc/self/ns/time'));
  });

  it('writes a configuration that it can run', () => {
    const name = bundle(['true']);
    rmSync(join(folder, name, 'config.json'));
    expect(oci('spec', '--bundle', join(folder, name))).toMatchObject({ status: 0 });
    expect(oci('spec', '--bundle', join(folder, name))).toMatchObject({ status: 1, stderr: 'File config.json exists. Remove it first\n' });
    const config: Config = JSON.parse(readFileSync(join(folder, name, 'config.json'), 'utf8'));
    writeFileSync(join(folder, name, 'config.json'), JSON.stringify({ ...config, root: { path: rootfs }, process: { ...config.process, terminal: false, args: ['echo', 'hello'] }, linux: { ...config.linux, cgroupsPath: `/${group}/${name}` } }));
    expect(run(name)).toMatchObject({ status: 0, stdout: 'hello\n' });
  });
});
