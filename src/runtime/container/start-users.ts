import { checkOwn, checkShared } from './choose-users.ts';
import type { ContainerUsers } from './bundle.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { findEntry, usersHomeAmong } from './neighbours.ts';
import type { ContainerRecord } from './record.ts';
import { sharedWith } from './users-home.ts';
import { sameUsers, type Users } from './users.ts';

const PINNED = 'ns:';

/**
 * The users that a container is started with, in their namespace; null: the host's. Those of another container, or of a namespace by path, are what they are now: what the container
 * wrote as others is given to them, and `keep` told. Throws BayplanError where it cannot have them.
 */
export async function startUsers(context: ContainerContext, entries: ReadonlyMap<string, ContainerEntry>, { record, files }: ContainerEntry, keep: (users: Users | null) => void): Promise<ContainerUsers | null> {
  const { storage, userNamespaces } = context;
  if (record.users === null && record.spec.namespaces.user === '' && sharedWith(record.spec).length === 0) return null;
  const home = usersHomeAmong(entries, record);
  const mode = home.spec.namespaces.user;
  const pinned = mode.startsWith(PINNED) ? mode.slice(PINNED.length) : null;
  const users = pinned === null ? home.users : await userNamespaces.read(pinned);
  checkShared(withUsers(record, users), users, (ref) => findEntry(entries, ref)?.record ?? null);
  if (users !== null) checkOwn(record);
  if (!sameUsers(users, record.users)) {
    await storage.giveRoot(files, record.users, users);
    keep(users);
  }
  if (users === null) return null;
  return { ...users, path: pinned ?? await userNamespaces.enter(home.id, record.id, users) };
}

function withUsers(record: ContainerRecord, users: Users | null): ContainerRecord {
  return { ...record, users };
}
