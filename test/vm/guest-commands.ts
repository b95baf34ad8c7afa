import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Ended { readonly code: number; readonly stdout: string; readonly stderr: string; readonly ms: number }

/** The command line, as a user of the guest calls it. What it took is told on standard error, for whoever looks at a guest that was too slow. */
export function bayplan(...args: readonly string[]): Ended {
  const ended = run(process.execPath, 'build/bayplan.cjs', ...args);
  console.error(`bayplan ${args.join(' ')}: status ${ended.code}, ${ended.ms} ms${ended.code === 0 ? '' : `\n${ended.stdout}${ended.stderr}`}`);
  return ended;
}

export function run(file: string, ...args: readonly string[]): Ended {
  const begin = Date.now();
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' }, timeout: 60_000 });
  return { code: status ?? -1, stdout, stderr: stderr + (error?.message ?? ''), ms: Date.now() - begin };
}

/** Looks again until `enough`, for 20 s; answers the last look. */
export async function eventually<T>(look: () => T | Promise<T>, enough: (seen: T) => boolean): Promise<T> {
  for (const end = Date.now() + 20_000; ;) {
    const seen = await look();
    if (enough(seen) || Date.now() > end) return seen;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The engine of this guest. */
export function enginePid(): number {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).find((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').endsWith('\0engine\0run\0');
    } catch {
      return false; // it has ended meanwhile
    }
  });
  if (found === undefined) throw new Error('no engine runs');
  return Number(found);
}
