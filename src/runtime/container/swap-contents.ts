import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Grant } from '../../state/container.ts';
import { runBounded } from '../bounded-process.ts';
import { coreError } from '../storage/core-output.ts';
import type { ContainerEntry } from './container-entry.ts';
import { usersOptions } from './users.ts';

/** What is inside may have led the target's path below a mount whose server is gone. */
const GIVE_UP_MS = 15_000;

/** Those that hold something else than they did, or are another's by now. */
export function changedGrants(before: readonly Grant[], after: readonly Grant[]): readonly Grant[] {
  const digests = new Map(before.map(({ target, digest }) => [target, digest]));
  return after.filter(({ target, digest }) => digests.get(target) !== digest);
}

/**
 * Puts configs and secrets in the place of those that a running container has: whoever opens one finds the one or the other, whole. `folder`: where the engine keeps their bytes; `swapped` is told of each
 * that is in its place. Rejects with `content-refused`, within 15 s of a place that does not answer.
 */
export async function swapContents(core: string, folder: string, { record, files, ready }: ContainerEntry, grants: readonly Grant[], swapped: (grant: Grant) => void = () => undefined): Promise<void> {
  if (ready === null) return;
  for (const grant of grants) {
    const { name, digest, target, uid, gid, mode } = grant;
    const refused = (why: string): BayplanError => new BayplanError('content-refused', `container ${record.name}: ${name} could not be replaced: ${why}`);
    const options = ['--pid', String(ready.pid), '--start-time', String(ready.startTime), '--source', join(folder, digest), '--target', target, '--place', files.bundle, '--options', `uid=${uid},gid=${gid},mode=${mode.toString(8)}`];
    const ended = await runBounded(core, ['replace-content', ...options, ...(record.users === null ? [] : usersOptions(record.users))], GIVE_UP_MS);
    if (ended === null) throw refused(`${target} does not answer (${GIVE_UP_MS / 1000} s): does a link lead to a mount there whose server is gone?`);
    if (ended.code !== 0) throw refused(coreError(ended.stderr, `the core ended with ${ended.code}`));
    swapped(grant);
  }
}
