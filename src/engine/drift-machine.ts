/** Something of a stack's that has drifted, under care. Times in ms since the epoch. */
export interface Ward {
  /**
   * `due`: to be healed at `at`. `tried`: healed just now, which has to show. `healed`: it showed. `given-up`: healing twice in a row had no effect. `reported`: it is only told.
   */
  readonly state: 'due' | 'tried' | 'healed' | 'given-up' | 'reported';
  /** Which fields have drifted: what they are found to be may be another each time. */
  readonly cause: string;
  /** When it is due, or when it came to be so. */
  readonly at: number;
  /** Times it was healed lately of this cause. */
  readonly heals: number;
  /** The same of other causes: two that take turns are no news each time. */
  readonly others: ReadonlyMap<string, number>;
  /** Times in a row that this had no effect. */
  readonly vain: number;
}

/** What a look has found of it. */
export interface Finding { readonly cause: string; readonly policy: 'heal' | 'report' }

const NONE: ReadonlyMap<string, number> = new Map();
/** So often it is healed of one cause at once, then less and less often, at most once a minute. */
const AT_ONCE = 3;
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
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
 * | reported | null                     | reported       | due at once             | due at once             |
 */
export function afterLook(ward: Ward | null, finding: Finding | null, now: number): Ward | null {
  if (finding === null) {
    if (ward === null || ward.state === 'given-up' || ward.state === 'reported' || (ward.state === 'due' && ward.heals === 0 && ward.others.size === 0)) return null;
    if (ward.state === 'healed') return now - ward.at >= CALM_MS ? null : ward;
    return { ...ward, state: 'healed', at: now, vain: 0 };
  }
  const { cause, policy } = finding;
  if (policy === 'report') return ward?.state === 'reported' && ward.cause === cause ? ward : { state: 'reported', cause, at: now, heals: 0, others: NONE, vain: 0 };
  if (ward === null || ward.state === 'reported') return { state: 'due', cause, at: now, heals: 0, others: NONE, vain: 0 };
  if (ward.cause !== cause) return ward.state === 'due' ? { ...ward, cause } : turned(ward, cause, now);
  switch (ward.state) {
    case 'due': case 'given-up': return ward;
    case 'healed': return { ...ward, state: 'due', at: now + pause(ward.heals), vain: 0 };
    case 'tried': {
      const vain = ward.vain + 1;
      return vain >= VAIN ? { ...ward, state: 'given-up', at: now, vain } : { ...ward, state: 'due', at: now + FIRST_MS, vain };
    }
  }
}

function turned(ward: Ward, cause: string, now: number): Ward {
  const heals = ward.others.get(cause) ?? 0;
  const others = new Map(ward.heals === 0 ? ward.others : [...ward.others, [ward.cause, ward.heals]]);
  others.delete(cause);
  return { state: 'due', cause, at: now + pause(heals), heals, others, vain: 0 };
}

/** Whether it has come back so often that it is put right less and less often from now on. */
export function slows(before: Ward | null, after: Ward | null): boolean {
  return before?.state === 'healed' && after?.state === 'due' && after.heals === AT_ONCE;
}

/** After its steps were carried out, or one of them failed: then it is tried again, later and later. */
export function afterHeal(ward: Ward, carriedOut: boolean, now: number): Ward {
  const heals = ward.heals + 1;
  return carriedOut ? { ...ward, state: 'tried', at: now, heals } : { ...ward, state: 'due', at: now + Math.max(FIRST_MS, pause(heals + AT_ONCE - 1)), heals };
}

function pause(heals: number): number {
  return heals < AT_ONCE ? 0 : Math.min(FIRST_MS * 2 ** (heals - AT_ONCE), LONGEST_MS);
}
