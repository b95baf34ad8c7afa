import { type Sharing, sharedWith } from '../../state/shared-with.ts';
import { homeOf } from './home.ts';
import type { ContainerRecord } from './record.ts';

/** The container whose users one has: the one that it names, or where it says nothing of users the first whose namespaces it shares, which belong to those. Null: nobody else's. */
export function usersDonor(spec: Sharing): string | null {
  if (spec.namespaces.user !== '' && !spec.namespaces.user.startsWith('container:')) return null;
  return sharedWith(spec)[0] ?? null;
}

/** The container in whose user namespace one lives: itself, or the one that its donors lead to. Throws BayplanError as `homeOf` does. */
export function usersHome(record: ContainerRecord, find: (ref: string) => ContainerRecord | null): ContainerRecord {
  return homeOf(record, { donor: ({ spec }) => usersDonor(spec), shared: 'namespaces', leads: 'namespaces lead' }, find);
}
