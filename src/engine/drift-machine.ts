import * as z from 'zod';

/** Something of a stack's that has drifted, under care. Times in ms since the epoch. */
export const Ward = z.strictObject({
  /**
   * `due`: to be healed at `at`. `tried`: healed just now, which has to show. `healed`: it showed. `given-up`: healing twice in a row had no effect. `failed`: it could not be healed, which is tried again at
   * `at`. `reported`: it is only told.
   */
  state: z.enum(['due', 'tried', 'healed', 'given-up', 'failed', 'reported']),
  /** Which fields have drifted: what they are found to be may be another each time. */
  cause: z.string(),
  /** When it is due or tried again, or when it came to be so. */
  at: z.number(),
  /** Times it was healed lately of this cause. */
  heals: z.int().nonnegative(),
  /** The same of other causes: two that take turns are no news each time. */
  others: z.record(z.string(), z.int().positive()),
  /** Times in a row that this had no effect. */
  vain: z.int().nonnegative(),
  /** Times in a row that it could not be done. */
  failures: z.int().nonnegative(),
});
export type Ward = Readonly<z.infer<typeof Ward>>;

/** What a look has found of it. */
export interface Finding { readonly cause: string; readonly policy: 'heal' | 'report' }

const FRESH = { heals: 0, others: {}, vain: 0, failures: 0 };
/** So often it is healed of one cause at once, then less and less often, at most once a minute. */
const AT_ONCE = 3;
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** What could not be done is tried again later and later, at least so often; what keeps a container from running, once a minute. */
const LONGEST_FAILURE_MS = 3_600_000;
/** After so long without a drift it is one like any other again. */
const CALM_MS = 60_000;
const VAIN = 2;

/**
 * The table. Null: nothing is known of it, and nothing has to be. What it was healed of lately is due later and later instead of at once.
 *
 * | state    | nothing found            | to be reported | the same found          | another found           |
 * |----------|--------------------------|----------------|-------------------------|-------------------------|
 * | null     | null                     | reported       | –                       | due at once             |
 * | due      | healed, null where never | reported       | due                     | due                     |
 * | tried    | healed                   | reported       | due later, or given up  | due at once             |
 * | healed   | healed, null once calm   | reported       | due, later and later    | due at once             |
 * | given-up | null                     | reported       | given-up                | due at once             |
 * | failed   | healed                   | reported       | failed                  | due at once             |
 * | reported | null                     | reported       | due at once             | due at once             |
 */
export function afterLook(ward: Ward | null, finding: Finding | null, now: number): Ward | null {
  if (finding === null) {
    if (ward === null || ward.state === 'given-up' || ward.state === 'reported' || (ward.state === 'due' && ward.heals === 0 && Object.keys(ward.others).length === 0)) return null;
    if (ward.state === 'healed') return now - ward.at >= CALM_MS ? null : ward;
    return { ...ward, state: 'healed', at: now, vain: 0, failures: 0 };
  }
  const { cause, policy } = finding;
  if (policy === 'report') return ward?.state === 'reported' && ward.cause === cause ? ward : { ...FRESH, state: 'reported', cause, at: now };
  if (ward === null || ward.state === 'reported') return { ...FRESH, state: 'due', cause, at: now };
  if (ward.cause !== cause) return ward.state === 'due' ? { ...ward, cause } : turned(ward, cause, now);
  switch (ward.state) {
    case 'due': case 'given-up': case 'failed': return ward;
    case 'healed': return { ...ward, state: 'due', at: now + pause(ward.heals), vain: 0 };
    case 'tried': {
      const vain = ward.vain + 1;
      return vain >= VAIN ? { ...ward, state: 'given-up', at: now, vain } : { ...ward, state: 'due', at: now + FIRST_MS, vain };
    }
  }
}

function turned(ward: Ward, cause: string, now: number): Ward {
  const { [cause]: heals = 0, ...others } = ward.heals === 0 ? ward.others : { ...ward.others, [ward.cause]: ward.heals };
  return { ...FRESH, state: 'due', cause, at: now + pause(heals), heals, others };
}

/** Whether it has come back so often that it is put right less and less often from now on. */
export function slows(before: Ward | null, after: Ward | null): boolean {
  return before?.state === 'healed' && after?.state === 'due' && after.heals === AT_ONCE;
}

/** After its steps were carried out, or one of them failed: then it is tried again, later and later. */
export function afterHeal(ward: Ward, carriedOut: boolean, now: number): Ward {
  if (carriedOut) return { ...ward, state: 'tried', at: now, heals: ward.heals + 1, failures: 0 };
  return { ...ward, state: 'failed', at: now + Math.min(FIRST_MS * 2 ** ward.failures, isDown(ward) ? LONGEST_MS : LONGEST_FAILURE_MS), failures: ward.failures + 1 };
}

function isDown({ cause }: Ward): boolean {
  return cause.split(', ').includes('process');
}

/** When it has to be healed; null: not, as it is now. */
export function dueAt({ state, at }: Ward): number | null {
  return state === 'due' || state === 'failed' ? at : null;
}

function pause(heals: number): number {
  return heals < AT_ONCE ? 0 : Math.min(FIRST_MS * 2 ** (heals - AT_ONCE), LONGEST_MS);
}
