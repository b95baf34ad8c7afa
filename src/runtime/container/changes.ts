import { BayplanError } from '../../state/bayplan-error.ts';
import { runBounded } from '../bounded-process.ts';

/** A path of a container that is not as its image has it. */
export interface Change { readonly path: string; readonly kind: 'changed' | 'added' | 'deleted' }

const KINDS: Readonly<Record<string, Change['kind']>> = { C: 'changed', A: 'added', D: 'deleted' };
const GIVE_UP_MS = 60_000;

/** What `bayplan-core changes` finds, sorted by path. A path's characters are its bytes (latin1): it need not be UTF-8, and must be found again by whoever archives it. */
export async function changesOf(core: string, args: readonly string[]): Promise<readonly Change[]> {
  const ended = await runBounded(core, ['changes', ...args], GIVE_UP_MS);
  if (ended === null || ended.code !== 0) throw new BayplanError('changes-failed', ended === null ? `the container's changes were not read within ${GIVE_UP_MS / 1000} s` : ended.stderr.trim());
  return ended.bytes.toString('latin1').split('\0').flatMap((entry): readonly Change[] => {
    const kind = KINDS[entry[0] ?? ''];
    const path = entry.slice(1);
    return kind === undefined ? [] : [{ path, kind }];
  }).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The same for people to read. */
export function readable(changes: readonly Change[]): readonly Change[] {
  return changes.map(({ path, kind }) => ({ path: Buffer.from(path, 'latin1').toString(), kind }));
}
