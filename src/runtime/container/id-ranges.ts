import { BayplanError } from '../../state/bayplan-error.ts';
import type { IdMapping, Users } from './users.ts';

/** Ids of this machine from `start` on. */
export interface IdRange { readonly start: number; readonly count: number }

/** Where containers' users come from. */
export interface IdPool {
  readonly uids: readonly IdRange[];
  readonly gids: readonly IdRange[];
  /** Ids of one container that does not ask for another number. */
  readonly size: number;
  /** What the ranges are, for who has to make them larger. */
  readonly source: string;
}

/** Above the ids that useradd gives out as subordinate ones, within those that are there for containers (systemd's UIDS-GIDS). */
export const DEFAULT_POOL: IdPool = {
  uids: [{ start: 0x40000000, count: 0x30000000 }], gids: [{ start: 0x40000000, count: 0x30000000 }], size: 65_536, source: 'the ids from 1073741824 on',
};

/**
 * A range of users and groups of its own for a container, none of them anybody else's of `taken`. `key` decides where the search begins: who is made anew gets the range that he
 * had, where it is free. Throws BayplanError `no-ids` where none is left.
 */
export function takeIds({ uids, gids, size, source }: IdPool, wanted: number | null, taken: readonly Users[], key: string): Users {
  const count = wanted ?? size;
  const one = (kind: 'uids' | 'gids', ranges: readonly IdRange[]): IdMapping => {
    const start = freeStart(ranges, count, taken.flatMap((users) => users[kind]), key);
    if (start === null) {
      const all = ranges.reduce((sum, range) => sum + range.count, 0);
      throw new BayplanError('no-ids', `no ${count} ${kind === 'uids' ? 'users' : 'groups'} are left of ${source} (${all} in all, ${taken.length} containers have theirs): give the engine more (userns-remap), or containers fewer (its size, or userns_mode: auto:size=N)`);
    }
    return { containerId: 0, hostId: start, size: count };
  };
  return { uids: [one('uids', uids)], gids: [one('gids', gids)] };
}

function freeStart(ranges: readonly IdRange[], size: number, taken: readonly IdMapping[], key: string): number | null {
  const slots = ranges.map((range) => Math.floor(range.count / size));
  const all = slots.reduce((sum, each) => sum + each, 0);
  const first = all === 0 ? 0 : hash(key) % all;
  for (let tried = 0; tried < all; tried++) {
    let slot = (first + tried) % all;
    let at = 0;
    while (slot >= (slots[at] ?? Infinity)) slot -= slots[at++] ?? 0;
    const start = (ranges[at]?.start ?? 0) + slot * size;
    if (!taken.some((other) => start < other.hostId + other.size && other.hostId < start + size)) return start;
  }
  return null;
}

/** FNV-1a of 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
