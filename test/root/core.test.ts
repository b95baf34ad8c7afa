import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ResolvedMount } from '../../src/runtime/container/bundle.ts';
import { execProcess } from '../../src/runtime/container/process.ts';
import { imageOf } from '../runtime/container/container-spec.ts';
import { resources } from '../spec-values.ts';
import { Container, core, folder, group, logText, sh, until } from './core-world.ts';
import { testWherePresent, v1Missing } from '../where-present.ts';

// What the core makes of a bundle: the world of a container, and who joins it later.
describe('a container\'s world', () => {
  it('has namespaces of its own, and is pid 1 without anything of the host\'s', async () => {
    const container = new Container(sh('echo pid $$; hostname; readlink /proc/self/ns/*; ls /proc/1/fd; ls /; cat /proc/mounts')).start();
    await container.line();
    await container.exit();
    const output = logText(container.log, 1);
    expect(output).toContain('pid 1\nbox\n');
    for (const kind of ['mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup']) expect(output).not.toContain(readlinkSync(`/proc/self/ns/${kind}`));
    expect(output.match(/^\S+ \/ /gm)).toEqual(['overlay / ']);
    expect(output).not.toContain(' /etc/passwd');
    expect(output).toContain('overlay / overlay rw');
    expect(output).toContain('sysfs /sys sysfs ro');
  });

  it('has no descriptor but its three, in a session of its own, with default signals', async () => {
    const { output } = await new Container(sh('ls /proc/$$/fd; readlink /proc/$$/fd/0; cut -d" " -f6 /proc/$$/stat')).run();
    expect(output).toBe('0\n1\n2\n/dev/null\n1\n');
    expect((await new Container(['grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status']).run()).output).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n');
  });

  it('has the devices and links of the specification and no others', async () => {
    const { output } = await new Container(sh('cd /dev; ls; echo x > null; head -c 4 zero | od -An -tx1; cat /dev/kmsg; mknod /tmp/sda b 8 0 && cat /tmp/sda')).run();
    expect(output).toBe('core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n 00 00 00 00\n');
  });

  it('cannot see masked files nor write read-only ones', async () => {
    const { output, errors } = await new Container(sh('cat /proc/keys /proc/timer_list; ls /proc/acpi /sys/firmware 2>/dev/null; echo 1 > /proc/sys/kernel/panic; mkdir /sys/fs/cgroup/x; touch /sys/kernel/x')).run();
    expect(output.replace(/\/(proc|sys)\/\w+:\n|\n/g, '')).toBe('');
    expect(errors.replace(/^[^/]*(\/\S+?)'?: /gm, '$1 ')).toBe(
      '/proc/sys/kernel/panic Read-only file system\n/sys/fs/cgroup/x Read-only file system\n/sys/kernel/x Read-only file system\n');
  });

  it('cannot write either to what is mounted below a read-only folder, nor to one that is hidden', async () => {
    const { output, errors } = await new Container(sh('touch /data/below/x; touch /tmp/x; ls /tmp; grep -c " /data/below ro" /proc/self/mountinfo'), {}, {}, (config) => ({
      ...config, mounts: [...config.mounts, ...['/data/below', '/tmp'].map((destination) => ({ destination, type: 'tmpfs', source: 'tmpfs', options: ['rw'] }))],
      linux: { ...config.linux, readonlyPaths: ['/data'], maskedPaths: ['/tmp'] },
    })).run();
    expect(output).toBe('1\n');
    expect(errors).toMatch(/^touch: \/data\/below\/x: Read-only file system\ntouch: \/tmp\/x: Read-only file system\n$/);
  });

  it('reads the cgroup that it is in at the top of /sys/fs/cgroup', async () => {
    const { output } = await new Container(sh('cat /proc/self/cgroup; cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null'),
      { resources: resources({ pids: 77 }) }).run();
    expect(output).not.toContain(group);
    expect(output).toContain('77\n');
  });

  testWherePresent([v1Missing('cpuset')], 'has cpuset beside the others without a choice of processors, which programs look for that size themselves by their cgroups', async () => {
    const { output } = await new Container(sh('grep cpuset /proc/self/cgroup; cat /sys/fs/cgroup/cpuset/cpuset.effective_cpus; grep -c "^$$\\$" /sys/fs/cgroup/cpuset/cgroup.procs; ls -d /sys/fs/cgroup/cpuset/*/; awk \'$5 == "/sys/fs/cgroup/cpuset" { print $4, $6 }\' /proc/self/mountinfo')).run();
    const own = readFileSync('/proc/self/cgroup', 'utf8').match(/^\d+:cpuset:(.*)$/m)?.[1] ?? '';
    expect(output).toMatch(new RegExp(`^\\d+:cpuset:/\n${readFileSync(`/sys/fs/cgroup/cpuset${own}/cpuset.effective_cpus`, 'utf8')}1\n(/sys/fs/cgroup/cpuset/[^\n]*\n)*/ ro,`));
  });

  it('runs as the user of its own passwd, with groups and home, and writes to /dev/stdout', async () => {
    const run = async (user: string, groupAdd: string[] = []): Promise<string> =>
      (await new Container(sh('id > /dev/stdout; echo $HOME; pwd'), { user, groupAdd, workingDir: '/srv/made/here' }).run()).output;
    expect(await run('app')).toBe('uid=1000(app) gid=1000(app) groups=1000(app),2000(web)\n/home/app\n/srv/made/here\n');
    expect(await run('app:web')).toBe('uid=1000(app) gid=2000(web) groups=2000(web)\n/home/app\n/srv/made/here\n');
    expect(await run('4242', ['audio', '99'])).toBe('uid=4242 gid=0(root) groups=0(root),99,3000(audio)\n/\n/srv/made/here\n');
    expect(await run('')).toBe('uid=0(root) gid=0(root) groups=0(root)\n/root\n/srv/made/here\n');
  });

  it('has Docker\'s capabilities and seccomp profile', async () => {
    const { output, errors } = await new Container(sh('grep -E "^(Cap|Seccomp:)" /proc/self/status; mount -t tmpfs t /tmp; unshare -U true; chroot / true && echo chroot; chown 5 /tmp && echo chown')).run();
    expect(output).toBe('CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nSeccomp:\t2\nchroot\nchown\n');
    expect(errors).toContain('unshare');
    expect((await new Container(sh('grep CapBnd /proc/self/status'), { capDrop: ['ALL'], capAdd: ['KILL'], user: 'app' }).run()).output).toBe('CapBnd:\t0000000000000020\n');
  });

  it('takes a profile from config.json itself just as well', async () => {
    const { output } = await new Container(sh('grep Seccomp: /proc/self/status; chroot / true || echo refused'), { capDrop: ['SYS_CHROOT'] }, { seccompBpf: null }).run();
    expect(output).toBe('Seccomp:\t2\nrefused\n');
  });
});

describe('mounts', () => {
  const bind = (source: string, target: string, change: Partial<ResolvedMount> = {}): ResolvedMount =>
    ({ type: 'bind', source, target, readOnly: false, propagation: '', recursive: 'enabled' as const, size: null, mode: null, options: [], ...change });

  it('binds folders and files, read-only where asked, and makes their targets', async () => {
    const source = join(folder, 'volume');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'file'), 'hello\n');
    const mounts = [bind(source, '/a/b/c'), bind(source, '/ro', { readOnly: true }), bind(join(source, 'file'), '/etc/deep/file')];
    const { output, errors } = await new Container(sh('cat /a/b/c/file /etc/deep/file /etc/hosts; echo new > /a/b/c/new; echo x > /ro/x; cat /ro/new'), {}, { mounts }).run();
    expect(output).toBe('hello\nhello\nhosts\nnew\n');
    expect(errors).toContain('/ro/x: Read-only file system');
    expect(readFileSync(join(source, 'new'), 'utf8')).toBe('new\n');
  });

  it('never mounts outside the root, whatever links the image has', async () => {
    const before = readdirSync('/etc').length;
    const { output } = await new Container(sh('ls /etc/planted; readlink /out'), {}, { mounts: [bind(folder, '/out/planted')] }).run();
    expect(output).toContain('layer');
    expect(output).toContain('/etc\n');
    expect(readdirSync('/etc')).toHaveLength(before);
  });

  it('gives tmpfs its size, mode and the mode of the folder it covers', async () => {
    const tmpfs = (target: string, change: Partial<ResolvedMount>): ResolvedMount => bind('tmpfs', target, { type: 'tmpfs', ...change });
    const mounts = [tmpfs('/tmp', { size: 65536 }), tmpfs('/new', { mode: 0o750, options: ['uid=7'] })];
    const { output } = await new Container(sh('stat -c "%a %u %n" /tmp /new; head -c 200000 /dev/zero > /tmp/x; ls -l /tmp/x | tr -s " " | cut -d" " -f5'), {}, { mounts }).run();
    expect(output).toBe('1777 0 /tmp\n750 7 /new\n65536\n');
  });

  it('has a read-only root where asked, with the working directory made all the same', async () => {
    const { output, errors } = await new Container(sh('pwd; echo x > /x; echo ok > /dev/shm/x && cat /dev/shm/x'), { readOnly: true, workingDir: '/fresh' }).run();
    expect(output).toBe('/fresh\nok\n');
    expect(errors).toContain('Read-only file system');
  });

  it('overlays more layers than mount(2) has room for', async () => {
    const many = Array.from({ length: 400 }, (_, at) => `layers/${'x'.repeat(40)}${at}`);
    for (const [at, name] of many.entries()) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, `file${at}`), String(at));
    }
    const container = new Container(sh('cat /file0 /file399'), {}, {
      root: { path: join(folder, 'many-root'), overlay: { cwd: folder, lowerdirs: ['layer', ...many], upperdir: join(folder, 'many-upper'), workdir: join(folder, 'many-work') }, mapped: false },
    });
    for (const name of ['root', 'upper', 'work']) mkdirSync(join(folder, `many-${name}`));
    expect((await container.run()).output).toBe('0399');
  });
});

describe('what cannot be run', () => {
  it.each([
    [['nosuch'], 127, 'exec nosuch: executable file not found in the container\'s PATH (/bin)'],
    [['/bin/nosuch'], 127, 'exec /bin/nosuch: not found in the container: no such file or directory'],
    [['/etc/not-a-program'], 126, 'exec /etc/not-a-program: permission denied'],
    [['/etc'], 126, 'exec /etc: permission denied: it is a directory'],
  ])('%j', async (command, exitCode, error) => {
    const container = new Container(command).start();
    expect(await container.line()).toMatchObject({ exitCode, error });
    expect(existsSync(container.exitFile)).toBe(false);
    expect(container.cgroups()).toEqual([]);
  });

  it('names an unknown user, a missing bind source, an unknown rlimit', async () => {
    const failure = async (container: Container): Promise<string | undefined> => (await container.start().line()).error;
    expect(await failure(new Container(['true'], { user: 'ghost' }))).toContain('unable to find user ghost');
    expect(await failure(new Container(['true'], { user: 'app:ghosts' }))).toContain('unable to find group ghosts');
    const mounts = [{ type: 'bind' as const, source: '/nowhere/at/all', target: '/x', readOnly: false, propagation: '', recursive: 'enabled' as const, size: null, mode: null, options: [] }];
    expect(await failure(new Container(['true'], {}, { mounts }))).toContain('bind source /nowhere/at/all does not exist');
    expect(await failure(new Container(['true'], {}, {}, (config) => ({ ...config, process: { ...config.process, rlimits: [{ type: 'RLIMIT_X', soft: 1, hard: 1 }] } })))).toContain('RLIMIT_X');
    expect(await failure(new Container(['true'], {}, {}, (config) => ({ ...config, hooks: { prestart: [{}] } })))).toContain('hooks');
  });
});

describe('exec', () => {
  it('joins the container and returns the exit code', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    const result = container.exec(sh('id -un; hostname; readlink /proc/self/ns/net; cat; echo no >&2; ls /proc/self/fd | wc -l; exit 7'), 'app', 'from stdin\n');
    const net = readlinkSync(`/proc/${container.ready.pid}/ns/net`);
    expect(result).toMatchObject({ status: 7, stdout: `app\nbox\n${net}\nfrom stdin\n4\n`, stderr: 'no\n' });
    expect(container.exec(['nosuch'])).toMatchObject({ status: 127, stderr: 'exec nosuch: executable file not found in the container\'s PATH (/bin)\n' });
    expect(container.exec(['/etc/passwd'])).toMatchObject({ status: 126, stderr: 'exec /etc/passwd: permission denied\n' });
    expect(container.exec(sh('kill -TERM $$')).status).toBe(143);
    expect(container.exec(sh('grep -c . /proc/self/cgroup; grep Seccomp: /proc/self/status')).stdout).toContain('Seccomp:\t2');
  });

  it('is limited by the container\'s cgroup and dies with it', async () => {
    const container = new Container(['sleep', '1000'], { resources: resources({ pids: 5 }) }).start();
    await container.line();
    expect(container.exec(sh('for i in 1 2 3 4 5 6; do sleep 0.01 & done')).stderr).toContain('can\'t fork');
    const file = join(container.bundle, 'exec.json');
    writeFileSync(file, JSON.stringify(execProcess(container.spec, imageOf(), { command: ['sleep', '1000'], environment: [], user: '', workingDir: '', tty: false })));
    const child = spawn(core, ['enter', '--pid', String(container.ready.pid), '--start-time', String(container.ready.startTime), '--process', file, '--cgroup', container.cgroup]);
    const ended = new Promise<number | null>((resolve) => { child.on('close', resolve); });
    await until(() => (readFileSync(join(container.cgroups()[0] ?? '', 'cgroup.procs'), 'utf8').trim().split('\n').length === 2 ? true : null));
    await container.control({ version: 1, op: 'signal', signal: 9 });
    expect(await ended).toBe(137);
  });

  it('kills on SIGTERM with all that it started, however early the signal comes', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    const listed = (): string[] => readFileSync(join(container.cgroups()[0] ?? '', 'cgroup.procs'), 'utf8').trim().split('\n');
    const file = join(container.bundle, 'exec.json');
    writeFileSync(file, JSON.stringify(execProcess(container.spec, imageOf(), { command: sh('sleep 1000 & sleep 1000 || true'), environment: [], user: '', workingDir: '', tty: false })));
    for (const processes of [4, 2]) {
      const child = spawn(core, ['enter', '--pid', String(container.ready.pid), '--start-time', String(container.ready.startTime), '--process', file, '--cgroup', container.cgroup]);
      const ended = new Promise<number | null>((resolve) => { child.on('close', resolve); });
      await until(() => (listed().length >= processes ? true : null));
      child.kill('SIGTERM');
      expect(await ended).toBe(137);
      await until(() => (listed().length === 1 ? true : null));
    }
  });

  it('refuses a process that is not the one meant', async () => {
    const container = new Container(['sleep', '1000']).start();
    await container.line();
    container.ready = { ...container.ready, startTime: container.ready.startTime + 1 };
    expect(container.exec(['true'])).toMatchObject({ status: 1, stderr: expect.stringContaining('is not the container\'s any more') });
    container.ready = { ...container.ready, startTime: container.ready.startTime - 1 };
  });
});
