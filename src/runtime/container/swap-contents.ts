import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Grant } from '../../state/container.ts';
import type { ContainerEntry } from './container-entry.ts';
import { FailedLine } from './record.ts';
import { usersOptions } from './users.ts';

const run = promisify(execFile);

/** Those that hold something else than they did, or are another's by now. */
export function changedGrants(before: readonly Grant[], after: readonly Grant[]): readonly Grant[] {
  const digests = new Map(before.map(({ target, digest }) => [target, digest]));
  return after.filter(({ target, digest }) => digests.get(target) !== digest);
}

/** Puts configs and secrets in the place of those that a running container has: whoever opens one finds the one or the other, whole. `folder`: where the engine keeps their bytes. Rejects with `content-refused`. */
export async function swapContents(core: string, folder: string, { record, files, ready }: ContainerEntry, grants: readonly Grant[]): Promise<void> {
  if (ready === null) return;
  for (const { name, digest, target, uid, gid, mode } of grants) {
    const options = ['--pid', String(ready.pid), '--start-time', String(ready.startTime), '--source', join(folder, digest), '--target', target, '--place', files.bundle, '--options', `uid=${uid},gid=${gid},mode=${mode.toString(8)}`];
    await run(core, ['replace-content', ...options, ...(record.users === null ? [] : usersOptions(record.users))]).catch((error: unknown) => {
      const stderr = error instanceof Error && 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '';
      const why = stderr.startsWith('{') ? FailedLine.parse(JSON.parse(stderr)).error : error instanceof Error ? error.message : String(error);
      throw new BayplanError('content-refused', `container ${record.name}: ${name} could not be replaced: ${why}`, { cause: error });
    });
  }
}
