import { execFileSync, spawn } from 'node:child_process';
import { build as bundle } from 'esbuild';
import { basename, join } from 'node:path';

const top = new URL('../..', import.meta.url).pathname;

/** Seconds a guest has for all it does: half a minute, but emulation is slow, and so is a machine that does other things too. */
export const GUEST_SECONDS = 420;

/**
 * Boots a guest, runs a scenario of this folder in it, and answers the facts that it prints as JSON. Rejects with its standard error where it fails: a
 * machine that cannot run the guest says there what is missing.
 */
export async function factsFromGuest<F>(scenario: string): Promise<F> {
  const { code, stdout, stderr } = await inGuest([], process.execPath, await bundled(scenario));
  if (code !== 0) throw new Error(`vm.sh ended with status ${code}:\n${stderr}`);
  return JSON.parse(stdout) as F;
}

/** A scenario as one file, and the images that they use. */
export async function bundled(scenario: string): Promise<string> {
  execFileSync(process.execPath, ['test/images/make-images.mjs', 'hello', '--out', 'build/images'], { cwd: top });
  const outfile = join(top, `build/vm/${basename(scenario)}.mjs`);
  await bundle({ entryPoints: [join(top, `test/vm/${scenario}.ts`)], bundle: true, platform: 'node', format: 'esm', target: 'node20.19', external: ['koffi'], outfile });
  return outfile;
}

/** How a command in the guest has ended. */
export async function inGuest(options: readonly string[], ...command: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(join(top, 'test/vm/vm.sh'), ['--timeout', String(GUEST_SECONDS), ...options, ...command], { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  return { code, stdout, stderr };
}
