import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';
import type { UsersChoice } from '../runtime/container/choose-users.ts';
import { DEFAULT_POOL, type IdPool } from '../runtime/container/id-ranges.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { accountNames, subordinateIds } from './subordinate-ids.ts';

const size = z.int().min(1).max(0x40000000).optional();

/**
 * `userns-remap`: whether containers have users of their own where their services say nothing of it, and which. As in Docker's daemon.json `USER[:GROUP]` has the ids that
 * /etc/subuid and /etc/subgid give, `default` is the engine's own choice; a range can be given outright too. `size`: ids of one container.
 */
export const UsersRemap = z.union([
  z.string(),
  z.strictObject({ user: z.string().min(1), size }),
  z.strictObject({ start: z.int().min(1), count: z.int().min(1), size }).refine(({ start, count }) => start + count <= 0xffffffff, 'the range goes beyond the last id, 4294967294'),
], { error: 'expected "default", "USER[:GROUP]", {"user": …, "size": …} or {"start": …, "count": …, "size": …}' });
export type UsersRemap = z.infer<typeof UsersRemap>;

/** Reads the files of subordinate ids where they are needed. Throws BayplanError `engine-config` where they give none. */
export function usersChoice(setting: UsersRemap | undefined): UsersChoice {
  if (setting === undefined || setting === '') return { pool: DEFAULT_POOL, always: false };
  if (typeof setting === 'string') return { pool: setting === 'default' ? DEFAULT_POOL : accountPool(setting, undefined), always: true };
  if ('user' in setting) return { pool: accountPool(setting.user, setting.size), always: true };
  const range = { start: setting.start, count: setting.count };
  return { pool: { uids: [range], gids: [range], size: setting.size ?? DEFAULT_POOL.size, source: `the ids ${range.start} to ${range.start + range.count - 1}` }, always: true };
}

function accountPool(account: string, ids: number | undefined): IdPool {
  const [user = '', group = user] = account.split(':');
  const uids = rangesOf('/etc/subuid', '/etc/passwd', user);
  const gids = rangesOf('/etc/subgid', '/etc/group', group);
  return { uids, gids, size: ids ?? DEFAULT_POOL.size, source: `what /etc/subuid gives ${user} and /etc/subgid ${group}` };
}

function rangesOf(file: string, accounts: string, name: string): IdPool['uids'] {
  const found = subordinateIds(read(file), accountNames(read(accounts), name));
  if (found.length === 0) throw new BayplanError('engine-config', `userns-remap: ${file} gives "${name}" no ids; add a line such as ${name}:100000:6553600`);
  return found;
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
