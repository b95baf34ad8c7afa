// Runs inside the virtual machine, whose first process is systemd: the engine as its service, before a reboot and after it. Prints the facts as one JSON object; what they should be is
// said by service.test.ts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathsOf } from '../../src/state/paths.ts';
import { bayplan, enginePid, eventually, run } from './guest-commands.ts';

export type Before = Awaited<ReturnType<typeof before>>;
export type After = Awaited<ReturnType<typeof after>>;

const paths = pathsOf();
const file = ['-f', 'test/vm/service.yaml'];

async function before() {
  const ownEngine = bayplan('load', 'build/images/hello.tar');
  const enabled = bayplan('engine', 'enable');
  const service = { active: isActive(), enabled: run('systemctl', 'is-enabled', 'bayplan').stdout.trim(), failed: run('systemctl', '--failed', '--plain', '--no-legend').stdout };
  const up = bayplan('up', '-d', '--wait', ...file);
  const made = pids();
  const scores = [enginePid(), ...made].map((pid) => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim());
  const killed = enginePid();
  process.kill(killed, 'SIGKILL');
  await eventually(() => run('systemctl', 'show', 'bayplan', '-P', 'MainPID').stdout.trim(), (pid) => Number(pid) > 0 && Number(pid) !== killed);
  await eventually(() => isActive(), (active) => active === 'active');
  const afterKill = pids();
  const restarted = run('systemctl', 'restart', 'bayplan');
  const afterRestart = pids();
  const stopped = bayplan('engine', 'stop');
  const inactive = await eventually(() => isActive(), (active) => active === 'inactive');
  const afterStop = pids(); // `ps` has it started again
  return { ownEngine, enabled, service, up, made, scores, afterKill, restarted, afterRestart, stopped, inactive, afterStop, active: isActive(), order: order() };
}

async function after() {
  const status = await eventually(() => bayplan('engine', 'status').code, (code) => code === 0); // which starts none
  const seen = await eventually(order, (found) => found.length === 6);
  const plan = bayplan('plan', ...file);
  const journal = run('journalctl', '-u', 'bayplan', '-o', 'cat').stdout;
  const stopped = bayplan('engine', 'stop', '--containers');
  const disabled = bayplan('engine', 'disable');
  return { status, order: seen, plan, journal, stopped, disabled, left: run('systemctl', 'cat', 'bayplan').code, alone: bayplan('ps', '-q', ...file), active: isActive() };
}

function isActive(): string {
  return run('systemctl', 'is-active', 'bayplan').stdout.trim();
}

/** Of the containers that run. */
function pids(): readonly number[] {
  const ids = bayplan('ps', '-q', ...file).stdout.trim().split('\n').sort();
  return ids.map((id) => (JSON.parse(run('curl', '-s', '--unix-socket', paths.socket, `http://localhost/containers/${id}/json`).stdout) as { readonly State: { readonly Pid: number } }).State.Pid);
}

function order(): readonly string[] {
  return readFileSync(join(paths.volumes, 'kept_notes/_data/order'), 'utf8').trim().split('\n');
}

(process.argv[2] === 'before' ? before() : after()).then((found) => console.log(JSON.stringify(found)), (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
