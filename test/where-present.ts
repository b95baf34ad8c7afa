import { describe } from 'vitest';

/** A group of tests that needs what may be missing here. `missing`: for each need null, or what is missing; where anything is, the tests are skipped and the group's name says why. */
export function describeWherePresent(missing: readonly (string | null)[], name: string, tests: () => void): void {
  const reasons = missing.filter((reason) => reason !== null);
  describe.skipIf(reasons.length > 0)(reasons.length === 0 ? name : `${name} (skipped: ${reasons.join(', ')})`, tests);
}

/** Null for root. */
export const rootMissing: string | null = process.getuid?.() === 0 ? null : 'not root';
