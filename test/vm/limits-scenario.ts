// Runs inside the virtual machine: each limit on version 2 of cgroups alone, given, changed and taken away while its container runs. Prints the facts as one JSON object; what they
// should be is said by limits.test.ts.
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathsOf } from '../../src/state/paths.ts';
import { bayplan, run, type Ended } from './guest-commands.ts';

export type Facts = ReturnType<typeof facts>;
const paths = pathsOf();
const FILES = ['memory.max', 'memory.low', 'memory.swap.max', 'cpu.weight', 'cpu.max', 'cpuset.cpus', 'pids.max', 'io.max', 'io.weight'] as const;
const rates = (factor: number): string => ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map((name, index) => `device_${name}: [{path: /dev/loop0, rate: ${(index + 1) * factor * 1_000_000}}]`).join(', ');
const service = (keys: string): string => `{image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL${keys === '' ? '' : `, ${keys}`}}`;
const STACKS = {
  first: {
    a: `mem_limit: 64m, mem_reservation: 32m, memswap_limit: 96m, cpu_shares: 512, cpu_quota: 20000, cpu_period: 50000, cpuset: "0", pids_limit: 30, blkio_config: {weight: 300, weight_device: [{path: /dev/loop0, weight: 500}], ${rates(1)}}`,
    b: 'mem_limit: 64m, memswap_limit: -1, cpus: 0.5',
  },
  then: {
    a: `mem_limit: 96m, mem_reservation: 16m, memswap_limit: 128m, cpu_shares: 2048, cpu_quota: 20000, cpuset: "1", pids_limit: 20, blkio_config: {weight: 200, weight_device: [{path: /dev/loop0, weight: 200}], ${rates(2)}}`,
    b: 'mem_limit: 96m, cpus: 0.75',
  },
  without: { a: '', b: '' },
};

function facts() {
  if (!existsSync('/dev/loop0')) run('modprobe', 'loop'); // a disk to limit
  writeFileSync('/sys/fs/cgroup/io.cost.qos', '7:0 enable=1'); // whose weight counts then
  bayplan('load', 'build/images/hello.tar');
  const seen = Object.fromEntries(Object.entries(STACKS).map(([name, { a, b }]) => {
    const up = withFile(`name: each\nservices: {a: ${service(a)}, b: ${service(b)}}\n`, 'up', '-d');
    return [name, { up, a: look('a'), b: look('b') }] as const;
  }));
  return {
    seen,
    left: withFile(`name: each\nservices: {a: ${service('mem_swappiness: 10, oom_kill_disable: true, mem_limit: 64m, cpuset: "1"')}}\n`, 'plan'),
    realtime: withFile(`name: rt\nservices: {a: ${service('cpu_rt_runtime: 1000')}}\n`, 'up', '-d'),
    swapAlone: withFile(`name: swap\nservices: {a: ${service('memswap_limit: 64m')}}\n`, 'up', '-d'),
    down: ['each', 'rt', 'swap'].map((name) => bayplan('-p', name, 'down', '-t', '1').code),
    updates: update(),
    stop: bayplan('engine', 'stop').code,
  };
}

function withFile(text: string, ...command: readonly string[]): Ended {
  writeFileSync('/tmp/limits.yaml', text);
  return bayplan(command[0] ?? '', '-f', '/tmp/limits.yaml', ...command.slice(1));
}

function look(name: string) {
  const { Id, State: { Pid } } = JSON.parse(run('curl', '-s', '--unix-socket', paths.socket, `http://localhost/containers/each-${name}-1/json`).stdout) as { readonly Id: string; readonly State: { readonly Pid: number } };
  const file = (limit: string): string => {
    const path = join('/sys/fs/cgroup', paths.cgroup, Id.slice(0, 16), limit);
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : 'no such file';
  };
  return { pid: Pid, files: Object.fromEntries(FILES.map((limit) => [limit, file(limit)])) };
}

/** The OCI command line's `update`: what it does not name stays as it is. */
function update() {
  const rootfs = '/tmp/bundle/rootfs';
  for (const name of ['bin', 'proc', 'dev']) mkdirSync(join(rootfs, name), { recursive: true });
  for (const name of ['sh', 'head', 'tr', 'sleep']) symlinkSync('busybox', join(rootfs, 'bin', name));
  run('cp', '/bin/busybox', join(rootfs, 'bin/busybox'));
  writeFileSync('/tmp/bundle/config.json', JSON.stringify({
    ociVersion: '1.2.0', root: { path: rootfs }, mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }, { destination: '/dev', type: 'tmpfs', source: 'tmpfs' }],
    process: { user: { uid: 0, gid: 0 }, args: ['sh', '-c', 'x=$(head -c 30000000 /dev/zero | tr "\\0" x); sleep 1000'], env: ['PATH=/bin'], cwd: '/' },
    linux: { cgroupsPath: '/updated', namespaces: [{ type: 'pid' }, { type: 'mount' }], resources: { memory: { limit: 96 << 20, swap: 128 << 20 }, cpu: { quota: 20000, period: 50000 } } },
  }));
  const core = (...args: readonly string[]): Ended => run('build/bayplan-core', '--root', '/tmp/state', ...args);
  const files = (): readonly string[] => ['memory.max', 'memory.swap.max', 'cpu.max'].map((name) => readFileSync(`/sys/fs/cgroup/updated/${name}`, 'utf8').trim());
  const started = run('sh', '-c', 'exec build/bayplan-core --root /tmp/state run -d --bundle /tmp/bundle updated >/dev/null 2>/tmp/said </dev/null; cat /tmp/said >&2');
  run('sh', '-c', 'for i in $(seq 300); do [ "$(cat /sys/fs/cgroup/updated/memory.current)" -gt 30000000 ] && exit; sleep 0.1; done');
  const changes = [['--cpu-quota', '10000'], ['--cpu-period', '100000'], ['--memory-swap', '112M'], ['--memory', '-1', '--memory-swap', '64M'], ['--memory', '8M']].map((args) => {
    const { code, stderr } = core('update', ...args, 'updated');
    return { code, stderr, files: files() };
  });
  return { started, changes, deleted: core('delete', '--force', 'updated') };
}

console.log(JSON.stringify(facts()));
