import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { dockerClient } from '../peers/docker-client.ts';
import { top } from '../root/harness.ts';

const script = process.env['BAYPLAN_BENCH_DOCKER'] ?? resolve(import.meta.dirname, '../../../shared/bench/docker-engine');

/** Why there is nothing to compare with; '' where there is. */
export const dockerSideMissing = existsSync(script) ? '' : ` (skipped: there is no Docker engine at ${script})`;

const tables = (): readonly string[] => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }).split('\n').map((line) => line.replace(/^table /, '')).filter((table) => /^ip6? /.test(table));

/** Starts Docker's engine, emptied but for the image bayplan/hello, for as long as `use` takes. `home` has its client's configuration. */
export async function withDocker<T>(home: string, use: (socket: string) => Promise<T>): Promise<T> {
  const archive = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello'], { encoding: 'utf8', cwd: top }).trim();
  const before = tables();
  const socket = execFileSync(script, ['start'], { encoding: 'utf8' }).trim().replace('unix://', '');
  try {
    const client = dockerClient(socket, home);
    for (const prune of [['system', 'prune', '-af'], ['volume', 'prune', '-af']]) await client(prune); // what other comparisons have left there
    await client(['load', '-i', archive]);
    return await use(socket);
  } finally {
    spawnSync(script, ['stop'], { stdio: 'ignore' });
    for (const table of tables()) if (!before.includes(table)) execFileSync('nft', ['delete', 'table', ...table.split(' ')]);
  }
}
