// Runs inside the virtual machine: a stack whose services runc and crun run. Prints the facts as one JSON object; what they should be is said by runtimes.test.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathsOf } from '../../src/state/paths.ts';
import { leftovers } from '../root/leftovers.ts';
import { bayplan, enginePid, eventually, run, type Ended } from './guest-commands.ts';

interface Inspected {
  readonly Id: string;
  readonly AppArmorProfile: string;
  readonly HostConfig: { readonly Runtime: string };
  readonly State: { readonly Status: string; readonly Pid: number; readonly ExitCode: number; readonly OOMKilled: boolean; readonly Health?: { readonly Status: string } };
}

export type Facts = Awaited<ReturnType<typeof facts>>;
const RUNTIMES = ['crun', 'runc'] as const;
const paths = pathsOf();
const file = 'test/vm/runtimes.yaml';

async function facts() {
  bayplan('load', 'build/images/hello.tar');
  const up = bayplan('up', '-d', '--wait', '-f', file);
  const seen = Object.fromEntries(await Promise.all(RUNTIMES.map(async (name) => [name, await look(name)] as const)));
  const pids = RUNTIMES.map((name) => inspect(name).State.Pid);
  process.kill(enginePid(), 'SIGKILL');
  const again = bayplan('plan', '-f', file);
  if (again.code !== 0) console.error(readFileSync(join(paths.run, 'engine.log'), 'utf8'));
  const adopted = RUNTIMES.map((name, index) => inspect(name).State.Pid === pids[index]);
  const stopped = Object.fromEntries(RUNTIMES.map((name) => [name, stop(name)] as const));
  const down = bayplan('down', '-t', '1', '-f', file);
  const left = await eventually(() => leftovers(paths), (found) => found.length === 0);
  const records = RUNTIMES.flatMap((name) => readdirSync(join(paths.run, 'runtimes', name)));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => line.includes(`${paths.bundles}/`));
  return { up, seen, again, adopted, stopped, down, left, records, mounts, stop: bayplan('engine', 'stop') };
}

async function look(name: string) {
  const { Id, AppArmorProfile, HostConfig, State } = inspect(name);
  const state = JSON.parse(run(name, '--root', join(paths.run, 'runtimes', name), 'state', Id.slice(0, 16)).stdout) as { readonly pid: number; readonly status: string };
  const group = join('/sys/fs/cgroup', paths.cgroup, Id.slice(0, 16));
  const limits = ['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max'].map((limit) => readFileSync(join(group, limit), 'utf8').trim());
  const frozen = (): string => /^frozen (\d)$/m.exec(readFileSync(join(group, 'cgroup.events'), 'utf8'))?.[1] ?? '';
  const ask = (...args: readonly string[]): string => run('curl', '-s', '--unix-socket', paths.socket, ...args).stdout;
  const paused = ['pause', 'unpause'].flatMap((verb) => [ask('-X', 'POST', `http://localhost/containers/${Id}/${verb}`), frozen()]);
  return {
    runtime: HostConfig.Runtime, state: { ...state, pid: state.pid === State.Pid }, limits, paused,
    cgroup: readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8').trim() === `0::/${paths.cgroup}/${Id.slice(0, 16)}`,
    apparmor: [AppArmorProfile, readFileSync(`/proc/${State.Pid}/attr/current`, 'utf8').trim()],
    executed: bayplan('exec', '-T', '--file', file, name, 'sh', '-c', 'cat /etc/word; stat -c " %a" /etc/word; mknod /serial c 4 64; (: < /serial); head -c1 /dev/zero | wc -c; exit 7'),
    stats: JSON.parse(ask(`http://localhost/containers/${Id}/stats?stream=false&one-shot=true`)) as { readonly memory_stats: { readonly usage: number; readonly limit: number }; readonly pids_stats: { readonly current: number } },
    healthy: (await eventually(() => inspect(name), ({ State: { Health } }) => Health?.Status === 'healthy')).State.Health?.Status,
    oom: (await eventually(() => inspect(`${name}-hog`), ({ State: { OOMKilled } }) => OOMKilled)).State,
  };
}

/** What the program said at its end, and how it ended. */
function stop(name: string): { readonly ended: Ended; readonly exitCode: number; readonly logs: string } {
  const ended = bayplan('stop', '--file', file, name);
  return { ended, exitCode: inspect(name).State.ExitCode, logs: bayplan('logs', '--no-log-prefix', '--file', file, name).stdout };
}

function inspect(name: string): Inspected {
  return JSON.parse(run('curl', '-s', '--unix-socket', paths.socket, `http://localhost/containers/runtimes-${name}-1/json`).stdout) as Inspected;
}

facts().then((found) => console.log(JSON.stringify(found)), (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
