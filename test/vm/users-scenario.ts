// Runs inside the virtual machine: containers with users of their own on the stock kernel. Prints the facts as one JSON object; what they should be is said by users.test.ts.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathsOf } from '../../src/state/paths.ts';
import { leftovers } from '../root/leftovers.ts';
import { bayplan, eventually, run, type Ended } from './guest-commands.ts';

export type Facts = Awaited<ReturnType<typeof facts>>;

const paths = pathsOf();
const file = 'test/vm/users.yaml';

async function facts() {
  mkdirSync('/etc/bayplan', { recursive: true });
  writeFileSync('/etc/bayplan/config.json', JSON.stringify({ version: 1, 'userns-remap': 'default' }));
  makeDisk();
  bayplan('load', 'build/images/hello.tar');
  const up = bayplan('up', '-d', '--wait', '-f', file);
  const seen = await look();
  const onTmpfs = bayplan('--profile', 'tmpfs', 'up', '-d', '-f', file, 'd');
  const features: unknown = JSON.parse(run('build/bayplan-core', 'features').stdout);
  const down = bayplan('--profile', 'tmpfs', 'down', '-v', '-f', file);
  const left = await eventually(() => leftovers(paths), (found) => found.length === 0);
  return { onTmpfs, up, seen, features, down, left };
}

/** A file system with idmapped mounts, as a server's disk has them. */
function makeDisk(): void {
  if (!existsSync('/dev/loop0')) execFileSync('modprobe', ['loop']);
  execFileSync('truncate', ['-s', '256M', '/tmp/disk']);
  execFileSync('mkfs.ext4', ['-q', '/tmp/disk']);
  execFileSync('mount', ['-o', 'loop', '/tmp/disk', '/var/lib/bayplan']);
}

async function look() {
  const sh = (service: string, script: string): Ended => bayplan('exec', '-T', '--file', file, service, 'sh', '-c', script);
  const pid = (service: string): number => {
    const found = run('curl', '-s', '--unix-socket', paths.socket, `http://localhost/containers/users-${service}-1/json`);
    return (JSON.parse(found.stdout) as { readonly State: { readonly Pid: number } }).State.Pid;
  };
  const [a, b] = [pid('a'), pid('b')];
  const namespaces = (process: number): readonly string[] => ['user', 'net', 'pid'].map((kind) => readlinkSync(`/proc/${process}/ns/${kind}`));
  const owned = sh('a', 'touch /data/new && stat -c %u / /bin/busybox /data/new /etc/hosts | sort -u; stat -c %u /conf /memory; cat /conf');
  const uptime = (service: string): number => Number(/^\d+/.exec(sh(service, 'cat /proc/uptime').stdout)?.[0]);
  return {
    map: readFileSync(`/proc/${a}/uid_map`, 'utf8').trim().split(/\s+/), status: readFileSync(`/proc/${a}/status`, 'utf8'), owned,
    outside: statSync(join(paths.volumes, 'users_data/_data/new')).uid,
    network: sh('a', 'ip addr add 10.77.0.1/32 dev lo && cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced; cat /proc/mounts | grep -c " /sys sysfs"'),
    device: sh('a', 'head -c2 /dev/nothing | wc -c; stat -c %u /dev/nothing'),
    limit: sh('a', 'grep "open files" /proc/1/limits'),
    shared: [namespaces(a), namespaces(b)],
    clocks: [uptime('a'), uptime('c')],
    copied: bayplan('cp', '--file', file, 'a:/data/new', '-').code,
  };
}

facts().then((found) => console.log(JSON.stringify(found)), (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
