import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { findStackFiles } from '../stack/find-stack-files.ts';
import type { Located, Remote } from '../stack/remote.ts';
import { BayplanError } from '../state/bayplan-error.ts';

export interface CheckoutLimits {
  /** Each call of git, in ms. */
  readonly timeoutMs: number;
  /** What is sent, and what comes out of it, in bytes. */
  readonly mostBytes: number;
}
const LIMITS: CheckoutLimits = { timeoutMs: 60_000, mostBytes: 256 * 2 ** 20 };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Checks out what a stack file names in a git repository, and finds the file in it. Commits are kept in the user's cache folder ($XDG_CACHE_HOME/bayplan/git), so that only the ref is asked for
 * when the same one is named again. Runs git itself, with the user's own credentials; it asks nobody for a password. Bounded in time and size.
 */
export function gitCheckout(remote: Extract<Remote, { kind: 'git' }>, env: Environment, limits: CheckoutLimits = LIMITS): Located {
  try {
    const commit = commitOf(remote, env, limits);
    const folder = join(cacheFolder(env), createHash('sha256').update(remote.url).digest('hex').slice(0, 16), commit);
    if (!existsSync(folder)) fetchCommit(remote.url, commit, folder, env, limits);
    return { file: fileIn(folder, remote) };
  } catch (error) {
    if (!(error instanceof BayplanError)) throw error;
    return { problem: error.message };
  }
}

function cacheFolder(env: Environment): string {
  return join(env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? homedir(), '.cache'), 'bayplan', 'git');
}

function commitOf({ url, ref }: Extract<Remote, { kind: 'git' }>, env: Environment, limits: CheckoutLimits): string {
  if (/^[0-9a-f]{40}$/.test(ref)) return ref;
  const lines = git(['ls-remote', '--', url, ...(ref === '' ? ['HEAD'] : [ref, `${ref}^{}`])], url, env, limits).split('\n').map((line) => line.split('\t'));
  const named = (name: string): string | undefined => lines.find(([, found]) => found === name)?.[0];
  const commit = ref === '' ? named('HEAD') : named(`refs/heads/${ref}`) ?? named(`refs/tags/${ref}^{}`) ?? named(`refs/tags/${ref}`) ?? named(ref);
  if (commit === undefined || !/^[0-9a-f]{40}$/.test(commit)) throw new BayplanError('git', `${shown(url)} has no branch or tag "${ref === '' ? 'HEAD' : ref}"; correct what stands behind the "#"`);
  return commit;
}

/** An address, or what git says of it, without the password or token that may stand in it: for messages. */
function shown(url: string, said = url): string {
  const secret = /^\w+:\/\/([^/]*@)/.exec(url)?.[1];
  return secret === undefined ? said : said.replaceAll(secret, '');
}

/** In a folder of its own first: what is there under its name is whole. */
function fetchCommit(url: string, commit: string, folder: string, env: Environment, limits: CheckoutLimits): void {
  mkdirSync(dirname(folder), { recursive: true });
  const made = mkdtempSync(`${folder}.`);
  try {
    git(['init', '-q', made], url, env, limits);
    git(['-C', made, 'fetch', '-q', '--depth', '1', '--no-tags', '--', url, commit], url, env, limits);
    const bytes = git(['-C', made, 'ls-tree', '-r', '-l', '-z', commit], url, env, limits).split('\0').reduce((sum, line) => sum + (Number(/^\S+ \S+ \S+ +(\d+)\t/.exec(line)?.[1]) || 0), 0);
    if (bytes > limits.mostBytes) throw new BayplanError('git', `${shown(url)} has ${String(Math.round(bytes / 2 ** 20))} MiB of files; a repository of stack files may have ${String(limits.mostBytes / 2 ** 20)}`);
    git(['-C', made, 'checkout', '-q', '--detach', commit], url, env, limits);
    renameSync(made, folder);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    // Somebody else has fetched the same meanwhile.
    if (!existsSync(folder)) throw error;
  }
}

/** Hooks and helpers that a repository could bring along do not run. What git starts itself ends with it. No file may grow beyond the bound, whatever the other side sends. */
function git(args: readonly string[], url: string, env: Environment, { timeoutMs, mostBytes }: CheckoutLimits): string {
  const options = ['-c', 'core.hooksPath=/dev/null', '-c', 'protocol.ext.allow=never', '-c', 'protocol.file.allow=user', '-c', 'advice.detachedHead=false', '-c', 'gc.auto=0'];
  const { status, signal, stdout, stderr, error } = spawnSync('sh', ['-c', 'ulimit -f "$1"; shift; exec timeout -s KILL "$@"', 'git', String(Math.ceil(mostBytes / 512)), String(timeoutMs / 1000), 'git', ...options, ...args], {
    encoding: 'utf8', timeout: timeoutMs + 5_000, killSignal: 'SIGKILL', maxBuffer: 64 * 2 ** 20, stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, GIT_TERMINAL_PROMPT: '0', GIT_SSH_COMMAND: env['GIT_SSH_COMMAND'] ?? 'ssh -o BatchMode=yes', LC_ALL: 'C' },
  });
  if (signal === 'SIGKILL' || (error !== undefined && 'code' in error && error.code === 'ETIMEDOUT')) throw new BayplanError('git', `${shown(url)} did not answer within ${String(timeoutMs / 1000)} s`);
  if (status === 127) throw new BayplanError('git', `git is not installed, which ${shown(url)} is fetched with; install it, or copy the file here`);
  if (status === 0) return stdout;
  const told = stderr.trim().split('\n').filter((line) => /^(fatal|error|remote): /.test(line)).at(0) ?? stderr.trim().split('\n').at(-1) ?? '';
  throw new BayplanError('git', /File size limit|SIGXFSZ/.test(`${stderr}${String(signal)}`) ? `${shown(url)} is larger than ${String(mostBytes / 2 ** 20)} MiB` : `cannot fetch ${shown(url)}: ${shown(url, told).replace(/^(fatal|error): /, '') || `git ended with ${String(signal ?? status)}`}`);
}

/** The file that is named, or the stack file of the folder that is. Nothing outside of the checkout. */
function fileIn(folder: string, { url, path }: Extract<Remote, { kind: 'git' }>): string {
  const named = resolve(folder, path === '' ? '.' : path.replace(/^\/+/, ''));
  if (!isWithin(folder, named) || !existsSync(named) || !isWithin(realpathSync(folder), realpathSync(named))) throw new BayplanError('git', `${shown(url)} has no file "${path}"; correct what stands behind the ":"`);
  if (!statSync(named).isDirectory()) return named;
  const [file] = findStackFiles(named, (candidate) => dirname(candidate) === named && existsSync(candidate));
  if (file === undefined) throw new BayplanError('git', `${shown(url)} has no compose.yaml in ${path === '' ? 'its top folder' : `"${path}"`}; name the file behind the ref: #REF:PATH`);
  return file;
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith('../');
}
