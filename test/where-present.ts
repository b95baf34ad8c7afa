import { existsSync } from 'node:fs';
import { describe, test } from 'vitest';

/** A group of tests that needs what may be missing here. `missing`: for each need null, or what is missing; where anything is, the tests are skipped and the group's name says why. */
export function describeWherePresent(missing: readonly (string | null)[], name: string, tests: () => void): void {
  describe.skipIf(missing.some((reason) => reason !== null))(titled(missing, name), tests);
}

/** The same of one test. */
export function testWherePresent(missing: readonly (string | null)[], name: string, run: () => Promise<void> | void): void {
  test.skipIf(missing.some((reason) => reason !== null))(titled(missing, name), run);
}

function titled(missing: readonly (string | null)[], name: string): string {
  const reasons = missing.filter((reason) => reason !== null);
  return reasons.length === 0 ? name : `${name} (skipped: ${reasons.join(', ')})`;
}

/** Null for a controller of cgroup version 1. */
export const v1Missing = (controller: string): string | null => (existsSync(`/sys/fs/cgroup/${controller}`) ? null : `no ${controller} controller of cgroup v1`);

/** Null for a kernel with IPv6. */
export const ipv6Missing: string | null = existsSync('/proc/sys/net/ipv6') ? null : 'no IPv6 here';

/** Null for root. */
export const rootMissing: string | null = process.getuid?.() === 0 ? null : 'not root';
