import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The environment that both sides see. */
export const environment: Readonly<Record<string, string>> = { HOME: '/root', PATH: '/usr/bin:/bin', PWD: '/' };

/**
 * The command of docker compose: BAYPLAN_DOCKER_COMPOSE, the program of the root that the docker-engine script makes (run by that root's own loader, so that
 * it sees this machine's files), or the one that is installed. Null: there is none. `config` needs no engine.
 */
export const dockerCompose: readonly string[] | null = find();

/** Null where there is one. */
export const composeMissing: string | null = dockerCompose === null ? 'no docker compose' : null;

function find(): readonly string[] | null {
  const given = process.env['BAYPLAN_DOCKER_COMPOSE'];
  if (given !== undefined) return given.split(' ');
  const root = process.env['DOCKER_ENGINE_ROOT'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'docker-engine');
  const program = join(root, 'usr/libexec/docker/cli-plugins/docker-compose');
  if (existsSync(program)) return [join(root, 'lib64/ld-linux-x86-64.so.2'), '--library-path', join(root, 'usr/lib/x86_64-linux-gnu'), program];
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' });
    return ['docker', 'compose'];
  } catch {
    return null;
  }
}

/** What `docker compose ARGS` prints; `out` null where it refuses. */
export async function compose(args: readonly string[], cwd = '/', env: Readonly<Record<string, string>> = {}): Promise<{ readonly out: string | null; readonly err: string }> {
  const [program = 'docker', ...before] = dockerCompose ?? [];
  return await new Promise((resolve) => {
    execFile(program, [...before, ...args], { cwd, env: { ...environment, ...env }, maxBuffer: 64 << 20, timeout: 30_000 }, (error, out, err) => { resolve({ out: error === null ? out : null, err }); });
  });
}

/** Runs `work` over all items, two at a time. */
export async function inPairs<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}
