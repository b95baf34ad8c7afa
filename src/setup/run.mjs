import { spawn, spawnSync } from 'node:child_process';
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

/** Runs a program beside what else is done, which comes first where processors are few. Resolves with its status and all that it has written. */
export function beside(file, args) {
  const child = spawn('nice', ['-n', '10', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { output += data; });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new SetupError(`${file}: ${error.message}`)));
    child.once('close', (code) => resolve({ status: code ?? 1, output }));
  });
}
