import { spawnSync } from 'node:child_process';
import type { Located } from '../stack/remote.ts';
import { rootOf, type StackOptions } from './options.ts';
import type { Cli } from './cli.ts';

/** An engine's start, and a registry that is slow. */
const WAIT_MS = 120_000;

/**
 * Brings a stack here that was published to a registry, and finds its file. The engine pulls it, as it is configured to reach registries, with the user's credentials; loading a stack
 * waits for nothing, so this program runs once more for it.
 */
export function ociArtifact(reference: string, options: Pick<StackOptions, 'root'>, cli: Cli): Located {
  const [program = '', ...args] = cli.program;
  const { status, stdout, stderr, error } = spawnSync(program, [...args, '--root', rootOf(options, cli), 'fetch-stack', reference], { cwd: cli.cwd, env: { ...cli.env, NODE_NO_WARNINGS: '1' }, encoding: 'utf8', timeout: WAIT_MS, stdio: ['ignore', 'pipe', 'pipe'] });
  if (status === 0) return { file: stdout.trimEnd() };
  const why = error !== undefined && 'code' in error && error.code === 'ETIMEDOUT' ? `not here within ${WAIT_MS / 1000} s` : stderr.trim().split('\n').at(-1)?.replace(/^bayplan: /, '') ?? '';
  return { problem: `oci://${reference}: ${why === '' ? `it could not be had (${error?.message ?? `status ${String(status)}`})` : why}` };
}
