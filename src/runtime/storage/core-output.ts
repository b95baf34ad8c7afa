import { spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { runBounded } from '../bounded-process.ts';

const Failure = z.looseObject({ error: z.string() });
const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

/** Runs the core, or another program; answers what it printed. Throws BayplanError `storage-failed` with what it said. */
export async function runStorage(program: string, args: readonly string[], ms: number): Promise<string> {
  const ended = await runBounded(program, args, ms);
  if (ended?.code === 0) return ended.stdout;
  throw new BayplanError('storage-failed', ended === null ? `${program} ${args[0] ?? ''} did not end within ${ms / 1000} s` : coreError(ended.stderr, `${program} ${args[0] ?? ''} ended with ${ended.code}`));
}

/** The same, its output as a stream that fails where the program does; `input`: what it reads. */
export function streamStorage(program: string, args: readonly string[], input: string | Buffer): Readable {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: ENVIRONMENT });
  const output = new PassThrough();
  let told = '';
  child.stderr.on('data', (chunk: Buffer) => { told += chunk.toString(); });
  child.stdin.on('error', () => undefined); // it has ended, and says why
  child.stdin.end(input);
  child.stdout.pipe(output, { end: false });
  child.once('error', (error) => output.destroy(error));
  child.once('close', (code) => {
    if (code === 0) output.end();
    else output.destroy(new BayplanError('storage-failed', coreError(told, `${program} ${args[0] ?? ''} ended with ${code ?? 'SIGKILL'}`)));
  });
  output.once('close', () => child.kill('SIGKILL')); // nobody reads the rest
  return output;
}

/** What the core said on its standard error. */
export function coreError(stderr: string, otherwise: string): string {
  try {
    return Failure.parse(JSON.parse(stderr)).error;
  } catch {
    return stderr.trim() === '' ? otherwise : stderr.trim();
  }
}
