import { BayplanError } from '../../state/bayplan-error.ts';
import { runBounded } from '../bounded-process.ts';

/** A path of a container that is not as its image has it. */
export interface Change { readonly path: string; readonly kind: 'changed' | 'added' | 'deleted' }

const KINDS: Readonly<Record<string, Change['kind']>> = { C: 'changed', A: 'added', D: 'deleted' };
const GIVE_UP_MS = 60_000;

/** What `bayplan-core changes` finds, sorted by path. */
export async function changesOf(core: string, args: readonly string[]): Promise<readonly Change[]> {
  const ended = await runBounded(core, ['changes', ...args], GIVE_UP_MS);
  if (ended === null || ended.code !== 0) throw new BayplanError('changes-failed', ended === null ? `the container's changes were not read within ${GIVE_UP_MS / 1000} s` : ended.stderr.trim());
  return ended.stdout.split('\0').flatMap((entry): readonly Change[] => {
    const kind = KINDS[entry[0] ?? ''];
    const path = entry.slice(1);
    return kind === undefined ? [] : [{ path, kind }];
  }).sort((a, b) => (a.path < b.path ? -1 : 1));
}
