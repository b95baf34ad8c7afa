// Runs inside the virtual machine: the way of a user through the command line, with what the kernel shows at each point. Prints the facts as
// one JSON object; what they should be is said by stock-kernel.test.ts.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { pathsOf } from '../../src/state/paths.ts';
import { leftovers } from '../root/leftovers.ts';
import { bayplan, enginePid, eventually, run, type Ended } from './guest-commands.ts';

interface State { readonly Status: string; readonly Pid: number; readonly ExitCode: number; readonly OOMKilled: boolean }
interface Container { readonly Id: string; readonly State: State }

export type Facts = Awaited<ReturnType<typeof facts>>;

const paths = pathsOf();
const hello = ['-f', 'examples/hello/compose.yaml'];
const limits = ['-f', 'test/vm/limits.yaml'];
const ADDRESS = '198.51.100.1';
const NEIGHBOUR = '198.51.100.2';

async function facts() {
  const load = bayplan('load', 'build/images/hello.tar');
  makeNeighbour();
  return {
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    cgroups: run('findmnt', '-n', '-o', 'FSTYPE', '-R', '/sys/fs/cgroup').stdout.trim(),
    load,
    hello: await useHello(),
    paused: await pause(),
    limits: await useLimits(),
    engineKilled: await killEngine(),
    down: await down(),
  };
}

async function useHello() {
  return {
    up: bayplan('up', '-d', '--wait', ...hello),
    again: bayplan('plan', ...hello),
    local: await fetchText('http://127.0.0.1:8088/'),
    neighbour: await eventually(() => askFromNeighbour('/'), ({ stdout }) => stdout.includes('200 OK')),
    missing: askFromNeighbour('/not-there'),
    lookup: bayplan('exec', '--file', 'examples/hello/compose.yaml', 'hello', 'nslookup', '-type=a', 'greeter', '127.0.0.11'),
    greeter: await addressOf('hello-greeter-1'),
    logs: bayplan('logs', '--file', 'examples/hello/compose.yaml', '--no-log-prefix', 'hello'),
  };
}

/** Freezing, counting and copying by cgroup v2 alone. */
async function pause() {
  const of = ['--file', 'examples/hello/compose.yaml'];
  const { Id } = await inspect('hello-hello-1');
  const events = (): string => readFileSync(`/sys/fs/cgroup/${paths.cgroup}/${Id.slice(0, 16)}/cgroup.events`, 'utf8');
  const stats = bayplan('stats', '--no-stream', '--format', 'json', ...of, 'hello');
  const paused = bayplan('pause', ...of, 'hello');
  const frozen = events();
  const refused = bayplan('exec', '-T', ...of, 'hello', 'true');
  const state = bayplan('ps', '--format', 'json', ...of, 'hello');
  const copied = bayplan('cp', ...of, 'hello:/www/cgi-bin/index.cgi', '-');
  const unpaused = bayplan('unpause', ...of, 'hello');
  const answers = await fetchText('http://127.0.0.1:8088/');
  bayplan('pause', ...of, 'hello');
  const killed = bayplan('kill', ...of, 'hello');
  const started = bayplan('start', ...of, 'hello');
  return { stats, paused, frozen, refused, state, copied, unpaused, thawed: events(), answers, killed, started };
}

/** Another machine on a wire of its own. */
function makeNeighbour(): void {
  for (const command of [
    'netns add neighbour', 'link add wire type veth peer name wire netns neighbour', `address add ${ADDRESS}/24 dev wire`, 'link set wire up',
    `-n neighbour address add ${NEIGHBOUR}/24 dev wire`, '-n neighbour link set wire up',
  ]) execFileSync('ip', command.split(' '));
}

function askFromNeighbour(path: string): Ended {
  return run('ip', 'netns', 'exec', 'neighbour', 'sh', '-c', `printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 10 ${ADDRESS} 8088`);
}

async function useLimits() {
  if (!existsSync('/dev/loop0')) run('modprobe', 'loop'); // a disk to limit
  const up = bayplan('up', '-d', ...limits);
  const plain = await inspect('limits-plain-1');
  const group = join('/sys/fs/cgroup', paths.cgroup, plain.Id.slice(0, 16));
  const file = (name: string): string => readFileSync(join(group, name), 'utf8').trim();
  const sh = (script: string): Ended => bayplan('exec', '--file', 'test/vm/limits.yaml', 'plain', 'sh', '-c', script);
  const values = { memory: file('memory.max'), swap: file('memory.swap.max'), cpu: file('cpu.max'), pids: file('pids.max') };
  return {
    up, values,
    memberOf: readFileSync(`/proc/${plain.State.Pid}/cgroup`, 'utf8').trim(),
    inside: sh('cat /proc/self/cgroup; cat /sys/fs/cgroup/memory.max; echo 1 > /sys/fs/cgroup/memory.max'),
    exitCode: sh('exit 7').code,
    // The first serial line is there on every machine; nodes may be made, but only the harmless ones be used.
    devices: sh('mknod /serial c 4 64; (: < /serial); (: > /serial); mknod /zero c 1 5; head -c1 /zero | wc -c; : > /dev/null && echo null'),
    forks: sh('for i in $(seq 40); do sleep 1000 > /dev/null 2>&1 & done'),
    forksRefused: Number(/^max (\d+)/.exec(file('pids.events'))?.[1]),
    whole: await useWhole(),
    confined: await useConfined(),
    hog: await eventually(() => inspect('limits-hog-1'), ({ State }) => State.Status === 'exited'),
  };
}

/** Each limit, as version 2 shows it. */
async function useWhole() {
  const { Id, State: { Pid } } = await inspect('limits-whole-1');
  const file = (name: string): string => readFileSync(join('/sys/fs/cgroup', paths.cgroup, Id.slice(0, 16), name), 'utf8').trim();
  const names = ['memory.max', 'memory.low', 'memory.swap.max', 'cpu.weight', 'cpu.max', 'cpuset.cpus', 'io.max'];
  return {
    files: Object.fromEntries(names.map((name) => [name, file(name)])),
    limits: readFileSync(`/proc/${Pid}/limits`, 'utf8'), oomScoreAdj: readFileSync(`/proc/${Pid}/oom_score_adj`, 'utf8').trim(),
    devices: bayplan('exec', '--file', 'test/vm/limits.yaml', 'whole', 'sh', '-c', 'mknod /serial c 4 64; (: < /serial) && echo read; (: > /serial); cat /proc/sys/net/core/somaxconn; grep -o size=.*k /proc/mounts | tail -n1'),
  };
}

/** Devices, privileges and namespaces, where devices are a program's to allow. */
async function useConfined() {
  const sh = (service: string, script: string): Ended => bayplan('exec', '--file', 'test/vm/limits.yaml', service, 'sh', '-c', script);
  sh('whole', 'echo shared > /dev/shm/x');
  const open = sh('open', 'grep -E "CapEff|Seccomp:" /proc/self/status; mkdir /x; mount -t tmpfs x /x && echo mounted; [ -b /dev/loop0 ] && echo device; head -c1 /dev/loop0 > /f && echo usable; [ -d /proc/$PPID ] && ls -d /sys/fs/cgroup/bayplan');
  const disk = sh('disk', 'grep -E "NoNewPrivs|Seccomp:" /proc/self/status; head -c1 /dev/disk > /f && echo readable; (: > /dev/disk) 2>&1; cat /dev/shm/x');
  const hog = sh('disk', 'tail -c 100000000 /dev/zero; echo $?');
  return { open, disk, hog, killed: await eventually(() => inspect('limits-disk-1'), ({ State }) => State.OOMKilled) };
}

/** The engine dies, its containers go on, the next command finds them. */
async function killEngine() {
  const before = await inspect('hello-hello-1');
  const pid = enginePid();
  process.kill(pid, 'SIGKILL');
  await eventually(() => existsSync(`/proc/${pid}`), (there) => !there);
  const meanwhile = await fetchText('http://127.0.0.1:8088/');
  const ps = bayplan('ps', ...hello, '--format', 'json');
  return { pidBefore: before.State.Pid, meanwhile, ps, pidAfter: (await inspect('hello-hello-1')).State.Pid };
}

async function down() {
  const commands = [bayplan('down', '-t', '1', ...hello), bayplan('down', '-t', '1', ...limits)];
  const left = await eventually(() => leftovers(paths), (found) => found.length === 0);
  const engineLog = readFileSync(join(paths.run, 'engine.log'), 'utf8'); // goes with the engine
  const stop = bayplan('engine', 'stop');
  return { commands, left, stop, cgroupLeft: existsSync(join('/sys/fs/cgroup', paths.cgroup)), engineLog };
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
  return `${response.status} ${await response.text()}`;
}

async function inspect(name: string): Promise<Container> {
  return await engine(`/containers/${name}/json`) as Container;
}

async function addressOf(name: string): Promise<string> {
  const { NetworkSettings: { Networks } } = await engine(`/containers/${name}/json`) as { NetworkSettings: { Networks: Record<string, { IPAddress: string }> } };
  return Object.values(Networks)[0]?.IPAddress ?? '';
}

async function engine(path: string): Promise<unknown> {
  return await new Promise((resolve, reject) => {
    request({ socketPath: paths.socket, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => { body += text; }).once('end', () => { resolve(JSON.parse(body)); });
    }).once('error', reject).end();
  });
}

facts().then((found) => console.log(JSON.stringify(found)), (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
