import type { UpdatePolicy } from '../state/update-policy.ts';

/**
 * What is true of one place of a service while its containers are replaced. `current`: as wanted, and ready. `unready`: as wanted, and not ready yet. `rolling`: the new one is there beside the
 * old one. `outdated`: only the old one is there; `broken`: and it is not ready. `failed`: the new one is there and cannot become ready.
 */
export type SlotState = 'current' | 'unready' | 'rolling' | 'outdated' | 'broken' | 'failed';

/** `going`: indices of the places to be dealt with, batch by batch. `over`: none is left, but some have failed. `halted`: too many have failed. */
export type Rollout =
  | { readonly phase: 'done' }
  | { readonly phase: 'going'; readonly batches: readonly (readonly number[])[] }
  | { readonly phase: 'over' | 'halted' | 'rollback'; readonly failed: readonly number[] };

/** What there is nothing to wait for comes first: whoever serves is the last to be touched. */
const RANK: Readonly<Partial<Record<SlotState, number>>> = { rolling: 0, unready: 0, broken: 1, outdated: 2 };

/**
 * The table of a rolling update; `failed` are more than `maxFailureRatio` of all bears:
 *
 * | something to replace | failed        | pause  | continue | rollback |
 * |----------------------|---------------|--------|----------|----------|
 * | yes                  | none, or few  | going  | going    | going    |
 * | yes                  | too many      | halted | going    | rollback |
 * | no                   | none, or few  | done   | done     | done     |
 * | no                   | too many      | halted | over     | rollback |
 *
 * A new one that is not ready yet is waited for before anything else is replaced, also where another pass has made it.
 */
export function rolloutOf(slots: readonly SlotState[], { parallelism, failureAction, maxFailureRatio }: Pick<UpdatePolicy, 'parallelism' | 'failureAction' | 'maxFailureRatio'>): Rollout {
  const at = (wanted: (state: SlotState) => boolean): readonly number[] => slots.flatMap((state, index) => (wanted(state) ? [index] : []));
  const failed = at((state) => state === 'failed');
  const left = at((state) => state === 'rolling' || state === 'broken' || state === 'outdated');
  const tooMany = failed.length > maxFailureRatio * slots.length;
  if (tooMany && failureAction === 'rollback') return { phase: 'rollback', failed };
  if (tooMany && failureAction === 'pause') return { phase: 'halted', failed };
  if (left.length === 0) return tooMany ? { phase: 'over', failed } : { phase: 'done' };
  const ordered = at((state) => RANK[state] !== undefined).toSorted((a, b) => rank(slots[a]) - rank(slots[b]) || a - b);
  const size = parallelism === 0 ? ordered.length : parallelism;
  return { phase: 'going', batches: Array.from({ length: Math.ceil(ordered.length / size) }, (_, batch) => ordered.slice(batch * size, (batch + 1) * size)) };
}

function rank(state: SlotState | undefined): number {
  return (state === undefined ? undefined : RANK[state]) ?? 0;
}
