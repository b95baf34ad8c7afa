import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './harness.ts';
import { core, ociWorld, said } from './oci-world.ts';

// What goes wrong half way, or was never going to work: one line, and nothing is left behind.
const { folder, group, root, names, bundle, oci, run, start, create, state, cgroups } = ociWorld();
const helper = join(folder, 'attacker');
const v1 = existsSync('/sys/fs/cgroup/pids/tasks');

beforeAll(() => {
  execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-Werror', '-static', '-D_GNU_SOURCE', '-o', helper, new URL('attacker.c', import.meta.url).pathname]);
});

/** What a command said and left. */
function tried(name: string, command: string, ...args: string[]): { status: number | null; lines: string[]; left: string[] } {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
  return { status, lines: said(stderr).split('\n').slice(0, -1), left: [...(existsSync(root) ? readdirSync(root) : []), ...cgroups(name)] };
}
const runOf = (name: string): string[] => [core, '--root', root, 'run', '--bundle', join(folder, name), name];

describe('what is missing is named', () => {
  it.each<[string, Parameters<typeof bundle>[1], RegExp]>([
    ['a namespace', (config) => { delete config.hostname; config.linux.namespaces = [{ type: 'mount' }, { type: 'network', path: '/run/netns/nowhere' }]; }, /^the network namespace \/run\/netns\/nowhere does not exist$/],
    ['a namespace that is another kind', (config) => { delete config.hostname; config.linux.namespaces = [{ type: 'mount' }, { type: 'network', path: '/proc/self/ns/uts' }]; }, /\/proc\/self\/ns\/uts/],
    ['a bind\'s source', (config) => { config.mounts.push({ destination: '/x', type: 'bind', source: '/nowhere' }); }, /^bind source \/nowhere does not exist \(for \/x\): make it, or set bind.create_host_path$/],
    ['a bind\'s source below a file', (config) => { config.mounts.push({ destination: '/x', type: 'bind', source: '/etc/passwd/below' }); }, /^bind source \/etc\/passwd\/below \(for \/x\) lies below a file, so that nothing can be there: correct the path$/],
    ['a folder for a folder', (config) => { config.mounts.push({ destination: '/etc', type: 'bind', source: '/etc/passwd', options: ['bind'] }); }, /^mount on \/etc: what is mounted is a file, and what is there a folder$/],
    ['a file for a file', (config) => { config.mounts.push({ destination: '/etc/passwd', type: 'bind', source: '/etc', options: ['bind'] }); }, /^mount on \/etc\/passwd: what is mounted is a folder, and what is there a file$/],
    ['a folder above a place', (config) => { config.mounts.push({ destination: '/etc/passwd/x', type: 'bind', source: '/etc', options: ['bind'] }); }, /^\/etc\/passwd\/x cannot be made: a file is in the way \(Not a directory\)$/],
    ['a file system', (config) => { config.mounts.push({ destination: '/x', type: 'nofs', source: 'x' }); }, /^mount nofs on \/x: No such device$/],
    ['support for idmapped mounts', (config) => { config.mounts.push({ destination: '/x', type: 'bind', source: '/proc', options: ['bind', 'idmap'], uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }], gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }] }); }, /^\/proc cannot be idmapped: its file system, or one mounted below it, has no support for that, or this kernel$/],
    ['what a sysctl belongs to', (config) => { config.linux.sysctl = { 'net.no.such': '1' }; }, /^sysctl net\.no\.such: No such file or directory$/],
    ['a choice between two names', (config) => { config.linux.sysctl = { 'kernel.hostname': 'other' }; }, /^sysctl kernel\.hostname: config\.json has a hostname of its own, which one is meant\?$/],
  ])('%s', (_, edit, message) => {
    const name = bundle(['true'], edit);
    const { status, lines, left } = tried(name, ...runOf(name) as [string]);
    expect({ status, left, count: lines.length }).toEqual({ status: 1, left: [], count: 1 });
    expect(lines[0]).toMatch(message);
  });

  it('a kernel without time namespaces', () => {
    const name = bundle(['true'], (config) => { config.linux.namespaces.push({ type: 'time' }); });
    expect(tried(name, helper, 'refuse', '272', '0x80', '22', ...runOf(name))).toEqual({ status: 1, lines: ['this kernel has no time namespaces: drop the one in linux.namespaces'], left: [] });
  });

  it('a kernel that lacks one of the calls for mounts', () => {
    for (const number of [428, 429, 430, 432, 437, 442]) { // open_tree, move_mount, fsopen, fsmount, openat2, mount_setattr
      const name = bundle(['true'], (config) => { config.linux.maskedPaths = ['/proc/version']; config.linux.readonlyPaths = ['/proc/sys']; });
      const { status, lines, left } = tried(name, helper, 'refuse', String(number), '-1', '38', ...runOf(name));
      expect({ number, status, left, count: lines.length }).toEqual({ number, status: 1, left: [], count: 1 });
      expect(lines[0]).toContain('Function not implemented');
    }
  });
});

describe('what cannot be held says why', () => {
  it.each<[string, Parameters<typeof bundle>[1], RegExp]>([
    ['processors that are not there', (config) => { config.linux.resources = { cpu: { cpus: '0-4000' } }; }, /^write 0-4000 to .*cpuset\.cpus: .* \(this machine has fewer\)$/],
    ['huge pages of a size that is not there', (config) => { config.linux.resources = { hugepageLimits: [{ pageSize: '3MB', limit: 1 }] }; }, /(\(the machine has no huge pages of that size\)|the limit of huge pages cannot be held: .*)$/],
    ['memory and swap together below memory', (config) => { config.linux.resources = { memory: { limit: 64 << 20, swap: 32 << 20 } }; }, v1 ? /\(memory and swap together, which are not less than memory\)$/ : /^$/],
    ['a terminal without a devpts', (config) => { config.process.terminal = true; config.mounts = config.mounts.filter(({ type }) => type !== 'devpts'); }, /^no terminal can be made: the container has no devpts on \/dev\/pts$/],
    ['a root that is a file', (config) => { config.root.path = join(folder, 'attacker'); }, /^root\.path .*attacker is no folder$/],
    ['arguments that the kernel does not take', (config) => { config.process.args = ['true', 'x'.repeat(200_000)]; }, /^exec \/bin\/true: Argument list too long$/],
    ['the number that means no user', (config) => { config.process.user = { uid: 0xffff_ffff, gid: 0 }; }, /^process\.user: 4294967295 is no user or group/],
    ['the number that means no group', (config) => { config.process.user = { uid: 1000, gid: 0xffff_ffff }; }, /^process\.user: 4294967295 is no user or group/],
    ['users that overlap', (config) => {
      config.linux.namespaces.push({ type: 'user' });
      config.linux.uidMappings = [{ containerID: 0, hostID: 1000, size: 10 }, { containerID: 5, hostID: 3000, size: 10 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 1000, size: 10 }];
    }, /^the kernel refuses the uid_map: ranges overlap, or are too many$/],
  ])('%s', (_, edit, message) => {
    const name = bundle(['true'], edit);
    const { status, lines, left } = tried(name, ...runOf(name) as [string]);
    expect({ failed: status !== 0, left, count: lines.length }).toEqual({ failed: true, left: [], count: 1 });
    expect(lines[0]).toMatch(message);
  });
});

it('a seccomp profile that does not even let a container begin is said to have ended it', () => {
  const name = bundle(['true'], (config) => { config.linux.seccomp = { defaultAction: 'SCMP_ACT_ERRNO' }; });
  expect(tried(name, ...runOf(name) as [string])).toEqual({ status: 1, lines: [expect.stringContaining('signal 11 (Segmentation fault) while it was set up: its seccomp profile allows too little, which is execve')], left: [] });
});

describe('a config.json that is none', () => {
  it.each<[string, string | Buffer, RegExp]>([
    ['empty', '', /config\.json: is empty$/], ['cut off', '{"ociVersion":', /config\.json: line 1, column \d+: /], ['an array', '[]', /an object is wanted at its top$/], ['NUL bytes', Buffer.alloc(3), /line 1, column 1: /],
    ['not UTF-8', Buffer.from('{"a":"\xff\xfe"}', 'latin1'), /config\.json: line 1, column \d+: /], ['nested without end', '['.repeat(200_000), /maximum parsing depth reached/],
    ['huge', `{"a":"${'x'.repeat(5 << 20)}"}`, /config\.json: \d+ bytes are too many \(at most 4194304\)$/], ['a name twice', '{"ociVersion":"1.2.0","ociVersion":"1.2.0"}', /duplicate object key near/],
  ])('%s', (_, bytes, message) => {
    const name = bundle(['true']);
    writeFileSync(join(folder, name, 'config.json'), bytes);
    const { status, lines, left } = tried(name, ...runOf(name) as [string]);
    expect({ status, left, count: lines.length }).toEqual({ status: 1, left: [], count: 1 });
    expect(lines[0]).toMatch(message);
  });
});

describe('a command at the wrong time is refused in one line', () => {
  const refused = (status: number, name: string, expected: Readonly<Record<string, RegExp>>): void => {
    for (const [command, message] of Object.entries(expected)) {
      const [verb = '', ...args] = command.split(' ');
      const ended = oci(verb, ...(verb === 'exec' ? [name, ...args] : [...args, name]));
      expect({ command, status: ended.status, lines: ended.stderr.split('\n').length }).toEqual({ command, status: verb === 'exec' ? 255 : status, lines: 2 });
      expect(ended.stderr).toMatch(message);
    }
  };

  it('created', () => {
    const name = bundle(['sleep', '100']);
    expect(create(name)).toEqual({ status: 0, stderr: '' });
    refused(1, name, { resume: /is created\n$/, delete: /that is not stopped: created\n$/ });
  });

  it('paused, created or running', async () => {
    const made = bundle(['sleep', '100']);
    expect(create(made)).toEqual({ status: 0, stderr: '' });
    expect(oci('pause', made).status).toBe(0);
    refused(1, made, { start: /cannot start container .*: it is paused, not created\n$/, pause: /is paused\n$/, 'exec true': /^cannot exec in a paused container .*: resume it first, or use --ignore-paused\n$/ });
    const runs = bundle(['sleep', '100']);
    start(runs);
    expect(oci('pause', runs).status).toBe(0);
    refused(1, runs, { start: /it is paused, not created\n$/, pause: /is paused\n$/, delete: /that is not stopped: paused\n$/, 'exec true': /^cannot exec in a paused container/ });
    for (const name of [made, runs]) expect(oci('kill', name, 'KILL')).toMatchObject({ status: 0, stderr: '' });
    for (const name of [made, runs]) await eventually(() => expect(state(name).status).toBe('stopped'));
  });

  it('stopped', async () => {
    const name = bundle(['true']);
    start(name);
    await eventually(() => expect(state(name).status).toBe('stopped'));
    refused(1, name, {
      start: /it is stopped, not created\n$/, pause: /it is stopped\n$/, resume: /it is stopped\n$/, 'update --memory 64M': /is not running: it has no limits to change\n$/, kill: /container not running\n$/, 'exec true': /^cannot exec in a stopped container/,
    });
  });

  it('deleted, or never made', () => {
    const other = bundle(['sleep', '100']);
    start(other); // so that there is a root
    for (const verb of ['start', 'pause', 'resume', 'kill', 'delete', 'state', 'ps']) expect(oci(verb, 'nobody'), verb).toMatchObject({ status: 1, stderr: expect.stringMatching(/^container does not exist: nobody\n$/) as string });
    expect(oci('exec', 'nobody')).toMatchObject({ status: 255, stderr: 'exec nobody: no command given\n' });
    expect(oci('exec', 'nobody', 'true')).toMatchObject({ status: 255, stderr: 'container does not exist: nobody\n' });
  });
});

it('a root that is named relatively is below the folder that the caller is in', () => {
  expect(spawnSync(core, ['--root', 'state', 'list', '-q'], { cwd: folder, encoding: 'utf8' })).toMatchObject({ status: existsSync(root) ? 0 : 1 });
  const name = bundle(['sleep', '100']);
  start(name);
  expect(spawnSync(core, ['--root', 'state', 'list', '-q'], { cwd: folder, encoding: 'utf8' })).toMatchObject({ status: 0, stdout: `${name}\n` });
});

describe('what runs out half way', () => {
  it('descriptors', () => {
    let refused = 0;
    for (let most = 4; most <= 30; most++) {
      const name = bundle(['true'], (config) => { config.linux.maskedPaths = ['/proc/version', '/proc/fs']; });
      const { status, lines, left } = tried(name, 'sh', '-c', `ulimit -n ${most}; exec "$@"`, 'sh', ...runOf(name));
      expect({ most, left }).toEqual({ most, left: [] });
      if (status === 0) continue;
      refused++;
      expect(lines, String(most)).toHaveLength(1);
    }
    expect(refused).toBeGreaterThan(3);
  });

  it.runIf(v1)(`processes${v1 ? '' : ' (skipped: no processes controller of cgroup v1)'}`, () => { // the processes controller of version 1 is the one that this test can move into
    const limited = `/sys/fs/cgroup/pids/${group}-few`;
    mkdirSync(limited);
    try {
      for (const most of [1, 2]) {
        writeFileSync(join(limited, 'pids.max'), String(most));
        const name = bundle(['true'], (config) => { config.linux.namespaces.push({ type: 'time' }); });
        const { status, lines, left } = tried(name, 'sh', '-c', `echo $$ > ${limited}/cgroup.procs; exec "$@"`, 'sh', ...runOf(name));
        expect({ most, status, left, count: lines.length }).toEqual({ most, status: 1, left: [], count: 1 });
        expect(lines[0]).toContain('Resource temporarily unavailable');
      }
    } finally {
      rmdirSync(limited);
    }
  });

  it('the size that its files may have', () => {
    const name = bundle(['true']);
    expect(tried(name, 'sh', '-c', 'ulimit -f 0; exec "$@"', 'sh', ...runOf(name))).toEqual({ status: 1, lines: [expect.stringMatching(/^write .*config\.json.*: File too large$/)], left: [] });
  });

  it('room for its record', () => {
    const small = join(folder, 'small');
    mkdirSync(small);
    let refused = 0;
    for (let inodes = 2; inodes <= 8; inodes++) {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `nr_inodes=${inodes}`, 'tmpfs', small]);
      try {
        const name = bundle(['true']);
        const { status, lines } = tried(name, core, '--root', join(small, 'state'), 'run', '--bundle', join(folder, name), name);
        expect([...cgroups(name), ...(existsSync(join(small, 'state')) ? readdirSync(join(small, 'state')) : [])]).toEqual([]);
        if (status === 0) continue;
        refused++;
        expect(lines).toHaveLength(1);
        expect(lines[0]).toContain('No space left on device');
      } finally {
        execFileSync('umount', [small]);
      }
    }
    expect(refused).toBeGreaterThan(1);
    rmSync(small, { recursive: true });
  });
});

describe('two containers', () => {
  it('of one cgroup: the second is refused, and the first goes on', () => {
    const first = bundle(['sleep', '100']);
    start(first);
    const second = bundle(['sleep', '100'], (config) => { config.linux.cgroupsPath = `/${group}/${first}`; });
    const { status, stderr } = run(second);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(/^the container's cgroup is not empty: .* is in use by another container or process\n$/) as string });
    expect(state(first).status).toBe('running');
    expect(oci('exec', first, 'true').status).toBe(0);
    expect(oci('exec', '--preserve-fds', '2', first, 'true')).toMatchObject({ status: 255, stderr: '2 descriptors are to be preserved, but descriptor 3 is not open\n' });
    expect(oci('exec', first, '')).toMatchObject({ status: 127, stderr: expect.stringContaining('exec "": executable file not found') });
  });
});

describe('a create that is killed', () => {
  it('can be deleted whole, at whatever moment that was', async () => {
    for (let delay = 0; delay < 24; delay++) {
      const name = bundle(['sleep', '100'], (config) => { config.hooks = { prestart: [{ path: '/bin/sleep', args: ['sleep', '0.01'] }] }; });
      const child = spawn(core, ['--root', root, 'create', '--bundle', join(folder, name), name], { stdio: 'ignore' });
      const closed = new Promise((resolve) => child.once('close', resolve));
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await closed;
      await eventually(() => expect(oci('delete', '--force', name)).toMatchObject({ status: 0, stderr: '' }));
      await eventually(() => expect({ delay, left: cgroups(name) }).toEqual({ delay, left: [] }));
      names.splice(names.indexOf(name), 1);
    }
  });

  it('is told as stopped, not as being made for ever', async () => {
    const name = bundle(['sleep', '100'], (config) => { config.hooks = { prestart: [{ path: '/bin/sleep', args: ['sleep', '1'] }] }; });
    const child = spawn(core, ['--root', root, 'create', '--bundle', join(folder, name), name], { stdio: 'ignore' });
    await eventually(() => expect(cgroups(name)).not.toEqual([]));
    expect(['creating', 'created']).toContain(state(name).status);
    child.kill('SIGKILL');
    await eventually(() => expect(state(name).status).toBe('stopped'));
  });
});

it('a hook that leaves somebody behind who talks for ever is done when it ends', () => {
  const name = bundle(['true'], (config) => { config.hooks = { prestart: [{ path: '/bin/sh', args: ['sh', '-c', '(for i in $(seq 100); do echo chatter; sleep 0.3; done) >&2 & exit 0'] }] }; });
  const began = Date.now();
  expect(run(name).status).toBe(0);
  expect(Date.now() - began).toBeLessThan(20_000); // who is left behind talks for half a minute
});

it('files that are named relatively are made where the caller stands', () => {
  const name = bundle(['sleep', '100']);
  const place = join(folder, 'place');
  mkdirSync(place);
  const { status } = spawnSync(core, ['--root', root, '--log', 'log', 'create', '--bundle', join('..', name), '--pid-file', 'pid', name], { cwd: place, stdio: 'ignore' });
  expect(status).toBe(0);
  expect(Number(readFileSync(join(place, 'pid'), 'utf8'))).toBe(state(name).pid);
});

it('a read-only /dev has all that belongs into it', () => {
  const name = bundle(['sh', '-c', 'echo x > /dev/null; touch /dev/new 2>/dev/null || echo closed; ls -d /dev/pts /dev/zero'], (config) => { config.mounts = config.mounts.map((mount) => (mount.destination === '/dev' ? { ...mount, options: ['nosuid', 'ro'] } : mount)); });
  expect(run(name)).toMatchObject({ stdout: 'closed\n/dev/pts\n/dev/zero\n', stderr: '' });
});

it('a hook that starts in the container has the program\'s environment and filter', () => {
  writeFileSync(join(folder, 'rootfs/bin/hook'), '#!/bin/sh\necho "$WORD" > /tmp/word; mkdir /tmp/made 2>/dev/null; exit 0\n', { mode: 0o755 });
  const name = bundle(['sh', '-c', 'cat /tmp/word; ls -d /tmp/made 2>/dev/null'], (config) => {
    config.process.env = ['PATH=/bin', 'WORD=inherited'];
    config.hooks = { startContainer: [{ path: '/bin/hook' }] };
    config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] };
  });
  expect(run(name).stdout).toBe('inherited\n');
});

it('exec has its container\'s personality', () => {
  const name = bundle(['sleep', '100'], (config) => { config.linux.personality = { domain: 'LINUX32' }; });
  start(name);
  expect(oci('exec', name, 'uname', '-m').stdout).toBe('i686\n');
});

it('help for a command is no mistake', () => {
  for (const command of ['create', 'run', 'exec', 'delete', 'list', 'kill', 'update', 'events', 'ps', 'pause', 'start', 'state', 'features', 'spec'])
    expect(oci(command, '--help'), command).toMatchObject({ status: 0, stdout: expect.stringContaining(`usage: bayplan-core ${command}`), stderr: '' });
});

describe('processors', () => {
  const allowed = (pid: number): string => /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  it('are all the machine has, whatever the caller is bound to; exec has its own', () => {
    const all = allowed(1);
    const name = bundle(['sleep', '100'], (config) => { config.process.execCPUAffinity = { initial: '0', final: '0' }; });
    expect(spawnSync('taskset', ['-c', '0', core, '--root', root, 'run', '-d', '--bundle', join(folder, name), name], { stdio: 'ignore' }).status).toBe(0);
    expect(allowed(state(name).pid)).toBe(all);
    expect(oci('exec', name, 'grep', 'Cpus_allowed_list', '/proc/self/status').stdout).toBe('Cpus_allowed_list:\t0\n');
  });

  it('are chosen later, also where the container was started without a choice', () => {
    const name = bundle(['sh', '-c', 'sleep 100 & sleep 100 & wait']);
    start(name);
    expect(oci('update', '--cpuset-cpus', '0', name)).toMatchObject({ status: 0, stderr: '' });
    const children = execFileSync('pgrep', ['-P', String(state(name).pid)], { encoding: 'utf8' }).trim().split('\n').map(Number);
    for (const pid of [state(name).pid, ...children]) expect(allowed(pid)).toBe('0');
  });
});
