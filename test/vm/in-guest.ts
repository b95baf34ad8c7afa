import { execFileSync, spawn } from 'node:child_process';
import { build as bundle } from 'esbuild';
import { join } from 'node:path';

const top = new URL('../..', import.meta.url).pathname;

/** Seconds a guest has for all it does; plain emulation is slow. */
export const GUEST_SECONDS = 240;

/**
 * Boots a guest, runs a scenario of this folder in it, and answers the facts that it prints as JSON. Rejects with its standard error where it fails: a
 * machine that cannot run the guest says there what is missing.
 */
export async function factsFromGuest<F>(scenario: string): Promise<F> {
  execFileSync(process.execPath, ['test/images/make-images.mjs', 'hello', '--out', 'build/images'], { cwd: top });
  const outfile = join(top, `build/vm/${scenario}.mjs`);
  await bundle({ entryPoints: [join(top, `test/vm/${scenario}.ts`)], bundle: true, platform: 'node', format: 'esm', target: 'node20.19', external: ['koffi'], outfile });
  return JSON.parse(await inGuest(process.execPath, outfile)) as F;
}

/** Standard output of a command in the guest. */
async function inGuest(...command: readonly string[]): Promise<string> {
  const child = spawn(join(top, 'test/vm/vm.sh'), ['--timeout', String(GUEST_SECONDS), ...command], { cwd: top, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text; });
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`vm.sh ended with status ${code}:\n${stderr}`);
  return stdout;
}
