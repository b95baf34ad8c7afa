import { spawnSync } from 'node:child_process';
import { SetupError } from './setup-error.mjs';

/** Runs a program quietly; its output is shown only where it fails. Answers its standard output. */
export function run(file, args, options = {}) {
  const { status, signal, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, ...options });
  if (status === 0) return stdout;
  process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
  throw new SetupError(`${file} ${args.join(' ')} failed: ${error?.message ?? signal ?? `status ${status}`}`);
}

/** Runs a program that shows its output itself. Answers its status. */
export function show(file, args, options = {}) {
  const { status, error } = spawnSync(file, args, { stdio: 'inherit', ...options });
  if (error !== undefined) throw new SetupError(`${file}: ${error.message}`);
  return status ?? 1;
}
