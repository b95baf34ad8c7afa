import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWherePresent } from '../where-present.ts';

// Podman, and conmon below it, with the core as their OCI runtime. (Here conmon sees no OOM kills in the hybrid layout, by runc neither.)
const top = new URL('../..', import.meta.url).pathname;
const image = join(top, 'build/images/hello.tar');
const present = (program: string): string | null => (spawnSync('sh', ['-c', `command -v ${program}`]).status === 0 ? null : `no ${program}`);
const v1 = existsSync('/sys/fs/cgroup/memory');

describeWherePresent([present('podman'), present('conmon'), existsSync(image) ? null : 'no build/images/hello.tar'], 'podman with the core as its runtime', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-podman-'));
  const env = { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf') };
  const where = { env, cwd: folder }; // conmon writes files where it is
  const options = ['--root', join(folder, 'store'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--events-backend', 'file', '--runtime', join(top, 'build/bayplan-core')];
  const podman = (...args: readonly string[]) => spawnSync('podman', [...options, ...args], { ...where, encoding: 'utf8', timeout: 60_000 });
  const good = (...args: readonly string[]): string => {
    const result = podman(...args);
    expect(result.status, result.stderr).toBe(0);
    return result.stdout;
  };
  /** With a terminal, as `script` gives one. A line is typed once `until` is there to be read: what is written just before a command's end conmon may lose, with runc as with this core. */
  const typed = async (until: string, ...args: readonly string[]): Promise<{ status: number | null; stdout: string }> => {
    const child = spawn('script', ['-qec', ['podman', ...options, ...args].map((word) => `'${word}'`).join(' '), '/dev/null'], { ...where, stdio: ['pipe', 'pipe', 'inherit'], timeout: 60_000 });
    let stdout = '';
    let answered = false;
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
      if (!answered && stdout.includes(until)) answered = child.stdin.write('\n');
    });
    return { status: await new Promise<number | null>((resolve) => { child.once('close', resolve); }), stdout };
  };

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    // Its own defaults are above what a machine without CAP_SYS_RESOURCE may give.
    writeFileSync(env.CONTAINERS_CONF, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\nnetns = "none"\n');
    good('load', '-q', '-i', image);
  });
  afterAll(() => {
    spawnSync('podman', [...options, 'rm', '-f', '-a', '-t', '0'], where);
    spawnSync('podman', [...options, 'rmi', '-f', '-a'], where);
    spawnSync('umount', ['-l', join(folder, 'store/vfs'), join(folder, 'run')]);
    rmSync(folder, { recursive: true, force: true });
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder);
  });

  test('run: output, streams, exit codes, and what cannot be run', () => {
    const result = podman('run', '--rm', 'bayplan/hello', 'sh', '-c', 'echo out; echo err >&2; exit 3');
    expect(result).toMatchObject({ status: 3, stdout: 'out\n', stderr: 'err\n' });
    expect(podman('run', '--rm', 'bayplan/hello', 'nosuch')).toMatchObject({ status: 127, stderr: expect.stringContaining('nosuch: executable file not found') });
    expect(podman('run', '--rm', 'bayplan/hello', '/etc').status).toBe(126);
    expect(spawnSync('podman', [...options, 'run', '--rm', '-i', 'bayplan/hello', 'cat'], { ...where, encoding: 'utf8', input: 'typed\n' }).stdout).toBe('typed\n');
  });

  test('a container\'s life: ps, exec, top, stats, pause, logs, restart, stop, rm', () => {
    good('run', '-d', '--name', 'a', 'bayplan/hello', 'sh', '-c', 'echo begun; exec sleep 1000');
    expect(good('ps', '--format', '{{.Names}} {{.Status}}')).toMatch(/^a Up /);
    expect(podman('exec', '-e', 'A=b', '-w', '/tmp', 'a', 'sh', '-c', 'echo $A $(pwd); exit 5')).toMatchObject({ status: 5, stdout: 'b /tmp\n' });
    expect(good('exec', '-u', '12:34', 'a', 'id', '-u')).toBe('12\n');
    expect(podman('exec', 'a', 'nosuch').status).toBe(127);
    good('exec', '-d', 'a', 'sleep', '1001');
    expect(good('top', 'a', 'args')).toMatch(/sleep 1000\s*\n.*sleep 1001|sleep 1001\s*\n.*sleep 1000/);
    expect(good('stats', '--no-stream', '--format', '{{.PIDS}}', 'a').trim()).toBe('2');
    good('pause', 'a');
    expect(good('inspect', '--format', '{{.State.Status}}', 'a')).toBe('paused\n');
    expect(podman('exec', 'a', 'true').status).not.toBe(0);
    good('unpause', 'a');
    expect(good('logs', 'a')).toBe('begun\n');
    good('restart', '-t', '0', 'a');
    expect(good('logs', 'a')).toBe('begun\nbegun\n');
    good('stop', '-t', '0', 'a');
    expect(good('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'a')).toBe('exited 137\n');
    good('rm', 'a');
  });

  test('kill with a signal that the program handles, and wait', () => {
    good('run', '-d', '--name', 'k', 'bayplan/hello', 'sh', '-c', 'trap "exit 42" USR1; while :; do sleep 0.05; done');
    good('exec', 'k', 'sleep', '0.2'); // the shell has come to its trap
    good('kill', '-s', 'USR1', 'k');
    expect(good('wait', 'k')).toBe('42\n');
    good('rm', 'k');
  });

  test('terminals, of run and of exec', async () => {
    expect(await typed('/dev/pts/0', 'run', '--rm', '-it', 'bayplan/hello', 'sh', '-c', 'test -t 0 && tty; read line; exit 4')).toMatchObject({ status: 4, stdout: expect.stringContaining('/dev/pts/0') });
    good('run', '-d', '--name', 't', 'bayplan/hello', 'sleep', '1000');
    expect(await typed('/dev/pts/0', 'exec', '-it', 't', 'sh', '-c', 'test -t 1 && tty; read line; exit 6')).toMatchObject({ status: 6, stdout: expect.stringContaining('/dev/pts/0') });
    good('rm', '-f', '-t', '0', 't');
  });

  test.runIf(v1)(`limits${v1 ? '' : ' (skipped: no memory controller of cgroup v1)'}`, () => {
    const files = ['memory/memory.limit_in_bytes', 'pids/pids.max', 'cpu/cpu.cfs_quota_us', 'cpu/cpu.shares'].map((name) => `/sys/fs/cgroup/${name}`);
    expect(good('run', '--rm', '-m', '64m', '--pids-limit', '20', '--cpus', '0.5', '--cpu-shares', '512', 'bayplan/hello', 'cat', ...files)).toBe('67108864\n20\n50000\n512\n');
    expect(podman('run', '--name', 'o', '-m', '16m', 'bayplan/hello', 'sh', '-c', 'x=$(head -c 60000000 /dev/zero | tr "\\0" x)').status).toBe(137);
    good('rm', 'o');
  });

  test('users of its own, read-only roots, volumes, capabilities', () => {
    expect(good('run', '--rm', '--uidmap', '0:100000:65536', 'bayplan/hello', 'sh', '-c', 'cat /proc/self/uid_map; stat -c %u /bin; touch /made').replace(/ +/g, ' ')).toBe(' 0 100000 65536\n0\n');
    expect(good('run', '--rm', '--read-only', 'bayplan/hello', 'sh', '-c', 'touch /x 2>/dev/null || echo read-only')).toBe('read-only\n');
    writeFileSync(join(folder, 'shared'), 'mine\n');
    expect(good('run', '--rm', '-v', `${folder}/shared:/shared:ro`, '--tmpfs', '/t:size=1m', 'bayplan/hello', 'sh', '-c', 'cat /shared; df /t | tail -1 | tr -s " " | cut -d" " -f2')).toBe('mine\n1024\n');
    expect(good('run', '--rm', '--cap-drop', 'all', '--cap-add', 'kill', 'bayplan/hello', 'grep', 'CapEff', '/proc/self/status')).toBe('CapEff:\t0000000000000020\n');
  });

  test('pods, whose containers share namespaces', () => {
    good('run', '-d', '--name', 'one', '--ipc', 'shareable', 'bayplan/hello', 'sleep', '1000');
    expect(good('run', '--rm', '--pid', 'container:one', '--ipc', 'container:one', 'bayplan/hello', 'sh', '-c', 'tr "\\0" " " </proc/1/cmdline')).toBe('sleep 1000 ');
    good('rm', '-f', '-t', '0', 'one');
  });
});
