import { containerOf } from '../state/shared-with.ts';
import type { Wanted } from './expand.ts';

/** The container whose network namespace it shares, by name; null: it has one of its own. */
export function homeOf({ spec: { networkMode } }: Wanted): string | null {
  return containerOf(networkMode);
}
