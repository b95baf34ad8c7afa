import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** `code`: 128 and its number where a signal ended it. */
export interface Ended { readonly code: number; readonly stdout: string; readonly stderr: string; /** Standard output as it came. */ readonly bytes: Buffer }

/**
 * Runs a program that may hang in the kernel, with `input` as its standard input. Null: it had not ended after `ms`, and was killed; its end is not waited for, since not even
 * SIGKILL need bring that about at once.
 */
export function runBounded(file: string, args: readonly string[], ms: number, input = ''): Promise<Ended | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' } });
    child.stdin.on('error', () => undefined); // one that has ended reads no more
    child.stdin.end(input);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = []; // decoded whole: a chunk may end amid a character
    child.stdout.on('data', (chunk: Buffer) => { stdout.push(chunk); });
    child.stderr.on('data', (chunk: Buffer) => { stderr.push(chunk); });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(null);
    }, ms);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const bytes = Buffer.concat(stdout);
      resolve({ code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), stdout: bytes.toString(), stderr: Buffer.concat(stderr).toString(), bytes });
    });
  });
}
