import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BayplanError } from '../state/bayplan-error.ts';
import { pathsOf } from '../state/paths.ts';
import { ensureRootFolder } from '../state/root-folder.ts';
import { runsSystemd, unitName, unitPath } from './service-unit.ts';

const WAIT_MS = 20_000;
/** An engine that lost the race for the lock ends; the one that won needs this long at most to listen. */
const RACE_MS = 5_000;
const EVERY_MS = 10;
/** Bytes of earlier engines' output that are kept. */
const LOG_MAX = 1024 * 1024;

/**
 * Starts the engine of `root` in the background and waits until it listens: own session, clean environment, output to
 * `engine.log` in its run folder. `program` is the command that `engine run` is appended to. Rejects with `no-root`, `bad-root` or `engine-start`.
 */
export async function startEngine(root: string, program: readonly string[]): Promise<void> {
  const paths = pathsOf(root);
  if (process.getuid?.() !== 0) throw new BayplanError('no-root', 'root is needed to make namespaces, mounts and network links: run it with sudo');
  ensureRootFolder(root); // before there is a run folder for it
  if (runsSystemd() && existsSync(unitPath(root))) return await startService(unitName(root));
  mkdirSync(paths.run, { recursive: true, mode: 0o755 });
  const logFile = join(paths.run, 'engine.log');
  const log = openSync(logFile, 'a', 0o640);
  if (fstatSync(log).size > LOG_MAX) ftruncateSync(log);
  const before = fstatSync(log).size;
  const [file = process.execPath, ...args] = program;
  const child = spawn(file, [...args, '--root', root, 'engine', 'run'], { cwd: '/', detached: true, stdio: ['ignore', log, log], env: cleanEnvironment(process.env) });
  closeSync(log);
  let ended: string | null = null;
  child.once('error', (error) => { ended = error.message; });
  child.once('exit', (code, signal) => { ended = `it ended with ${signal ?? `status ${code}`}`; });
  child.unref();
  let deadline = Date.now() + WAIT_MS;
  while (Date.now() < deadline) {
    if (await answers(paths.socket)) return;
    if (ended !== null) deadline = Math.min(deadline, Date.now() + (lastLine(logFile, before).includes('is running already') ? RACE_MS : 0));
    await sleep(EVERY_MS);
  }
  throw new BayplanError('engine-start', `the engine did not start: ${lastLine(logFile, before) || (ended ?? `it does not listen after ${WAIT_MS / 1000} s`)} (its output is in ${logFile})`);
}

/** Resolves when the engine listens that systemd runs. */
async function startService(name: string): Promise<void> {
  const said = await new Promise<string | null>((resolve) => {
    execFile('systemctl', ['start', name], (error, _stdout, stderr) => resolve(error === null ? null : stderr.trim().replaceAll('\n', '; ') || error.message));
  });
  if (said !== null) throw new BayplanError('engine-start', `the engine did not start: systemctl start ${name}: ${said} (its output is in the journal: journalctl -u ${name})`);
}

/** What the engine needs of the caller's environment; the rest must not leak into a process that outlives it. */
function cleanEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([key]) => ['PATH', 'HOME', 'LANG'].includes(key) || key.startsWith('BAYPLAN_')));
}

async function answers(socket: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

function lastLine(file: string, from: number): string {
  return readFileSync(file).subarray(from).toString().trim().split('\n').at(-1) ?? '';
}
