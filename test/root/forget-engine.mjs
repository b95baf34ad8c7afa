// Takes away what an engine leaves for the next one on its root when it has nothing to run: its table, its cgroup, its run folder.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const paths = JSON.parse(process.argv[2]);
spawnSync('nft', ['delete', 'table', 'inet', paths.table]);
for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
  const [, , , , at] = line.split(' ');
  if (at?.startsWith(`${paths.run}/`)) spawnSync('umount', ['-l', at]);
  if (!/ - cgroup2? /.test(line)) continue;
  const folder = join(at, paths.cgroup);
  if (!existsSync(folder)) continue;
  for (const entry of readdirSync(folder, { withFileTypes: true })) if (entry.isDirectory()) rmdirSync(join(folder, entry.name));
  rmdirSync(folder);
}
rmSync(paths.run, { recursive: true, force: true });
