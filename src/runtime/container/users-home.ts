import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec } from '../../state/container.ts';
import type { ContainerRecord } from './record.ts';

type Shared = Pick<ContainerSpec, 'namespaces' | 'networkMode'>;

/** Containers, by name or id, whose namespaces one shares. */
export function sharedWith({ namespaces, networkMode }: Shared): readonly string[] {
  const modes = [namespaces.user, networkMode, namespaces.pid, namespaces.ipc, namespaces.uts, namespaces.cgroup, namespaces.time];
  return [...new Set(modes.flatMap((mode) => /^container:(.+)$/.exec(mode)?.[1] ?? []))];
}

/** The container whose users one has: the one that it names, or where it says nothing of users the first whose namespaces it shares, which belong to those. Null: nobody else's. */
export function usersDonor(spec: Shared): string | null {
  if (spec.namespaces.user !== '' && !spec.namespaces.user.startsWith('container:')) return null;
  return sharedWith(spec)[0] ?? null;
}

/** The container in whose user namespace one lives: itself, or the one that its donors lead to. Throws BayplanError `not-found` or `bad-request` as `homeOf` does. */
export function usersHome(record: ContainerRecord, find: (ref: string) => ContainerRecord | null): ContainerRecord {
  const passed = new Set<string>();
  let home = record;
  for (let ref = usersDonor(home.spec); ref !== null; ref = usersDonor(home.spec)) {
    const next = find(ref);
    if (next === null) throw new BayplanError('not-found', `container ${home.name}: container ${ref}, whose namespaces it shares, is not there; bring it up first`);
    if (passed.has(next.id)) throw new BayplanError('bad-request', `container ${record.name}: its namespaces lead in a circle, by ${next.name}`);
    passed.add(next.id);
    home = next;
  }
  return home;
}
