import { BayplanError } from '../../state/bayplan-error.ts';
import type { Hook } from '../../state/hook.ts';
import type { ExecProcess, ExecRequest } from './containers.ts';

const OUTPUT_MAX = 4096;

/** Receives what a hook writes, as it comes. */
export type OnHookOutput = (stream: 'stdout' | 'stderr', data: Buffer) => void;

/** Runs a hook in a container; `what` names it. Rejects with `hook-failed` where it fails, or takes longer than `limitMs` (null: any time). */
export async function runHook(exec: (request: ExecRequest) => Promise<ExecProcess>, what: string, { command, user, privileged, workingDir, environment }: Hook, limitMs: number | null, onOutput: OnHookOutput = () => undefined): Promise<void> {
  const process = await exec({ command, user, privileged, workingDir, environment, tty: false });
  process.stdin.end();
  let output = '';
  for (const stream of ['stdout', 'stderr'] as const) {
    process[stream].on('data', (data: Buffer) => {
      output = (output + data.toString()).slice(-OUTPUT_MAX);
      onOutput(stream, data);
    });
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    if (limitMs !== null) timer = setTimeout(() => resolve(null), limitMs);
  });
  const code = await Promise.race([process.exit, late]);
  clearTimeout(timer);
  if (code === null) {
    process.kill();
    throw new BayplanError('hook-failed', `${what} did not end within ${limitMs ?? 0} ms`);
  }
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  if (code !== 0) throw new BayplanError('hook-failed', `${what} ended with code ${code}${last === '' ? '' : `: ${last}`}`);
}
