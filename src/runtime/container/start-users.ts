import { sharedWith } from '../../state/shared-with.ts';
import { checkOwn, checkShared } from './choose-users.ts';
import type { ContainerUsers } from './bundle.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { findEntry, usersHomeAmong } from './neighbours.ts';
import type { ContainerRecord } from './record.ts';
import { sameUsers, type Users } from './users.ts';

const PINNED = 'ns:';

/**
 * The users that a container is started with, in their namespace; null: the host's. Those of another container, or of a namespace by path, are what they are now: what the container
 * wrote as others is given to them, which `update` writes down before and after: a start that is killed amid that is finished by the next. Throws BayplanError where it cannot have them.
 */
export async function startUsers(context: ContainerContext, entries: ReadonlyMap<string, ContainerEntry>, entry: ContainerEntry, update: (change: Pick<ContainerRecord, 'users' | 'giving'>) => void): Promise<ContainerUsers | null> {
  const { userNamespaces } = context;
  const { record } = entry;
  if (record.users === null && record.giving === null && record.spec.namespaces.user === '' && sharedWith(record.spec).length === 0) return null;
  const home = usersHomeAmong(entries, record);
  const mode = home.spec.namespaces.user;
  const pinned = mode.startsWith(PINNED) ? mode.slice(PINNED.length) : null;
  const users = pinned === null ? home.users : await userNamespaces.read(pinned);
  checkShared(withUsers(record, users), users, (ref) => findEntry(entries, ref)?.record ?? null);
  if (users !== null) checkOwn(record);
  if (record.giving !== null) await give(context, entry, record.giving.to, update);
  await give(context, entry, users, update);
  if (users === null) return null;
  return { ...users, path: pinned ?? await userNamespaces.enter(home.id, record.id, users, ['bridge', 'none'].includes(record.spec.networkMode)) };
}

async function give({ storage }: ContainerContext, entry: ContainerEntry, to: Users | null, update: (change: Pick<ContainerRecord, 'users' | 'giving'>) => void): Promise<void> {
  const { users, giving } = entry.record;
  if (giving === null && sameUsers(to, users)) return;
  await storage.giveRoot(entry.files, users, to, () => { update({ users, giving: { to } }); });
  update({ users: to, giving: null });
}

function withUsers(record: ContainerRecord, users: Users | null): ContainerRecord {
  return { ...record, users };
}
