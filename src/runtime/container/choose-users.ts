import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec, Identity } from '../../state/container.ts';
import { sharedWith } from '../../state/shared-with.ts';
import { foreignNamespace } from '../../state/spec-problems.ts';
import { type IdPool, takeIds } from './id-ranges.ts';
import type { ContainerRecord } from './record.ts';
import { usersDonor } from './users-home.ts';
import { sameUsers, type Users } from './users.ts';

/** Where users come from, and whether every container gets some of its own that does not say otherwise. */
export interface UsersChoice { readonly pool: IdPool; readonly always: boolean }

/**
 * The users that a new container gets as its own; null: the host's, or those of another container or of a namespace by path, which are known when it starts. `taken`: those of all others.
 * Throws BayplanError `bad-request` where its namespaces cannot belong to them.
 */
export function chooseUsers(name: string, identity: Identity, spec: ContainerSpec, { pool, always }: UsersChoice, taken: () => readonly Users[]): Users | null {
  const { user } = spec.namespaces;
  const [, size] = /^auto:size=(\d+)$/.exec(user) ?? [];
  if (!user.startsWith('auto') && !(user === '' && always && usersDonor(spec) === null)) return null;
  const foreign = foreignNamespace(spec);
  const why = foreign === null ? (spec.privileged ? 'privileged' : null) : `${foreign[0]} "${foreign[1]}"`;
  if (why !== null) throw new BayplanError('bad-request', `container ${name}: ${why} cannot be had by users of its own, which this engine gives every container (userns-remap): give it userns_mode "host"`);
  const owner = identity.owner === 'stack' ? `${identity.stack}/${identity.service}/${identity.slot}` : name;
  return takeIds(pool, size === undefined ? null : Number(size), taken(), owner);
}

/** That all whose namespaces a container shares have its users. Throws BayplanError `bad-request`, one line that says why. */
export function checkShared(record: ContainerRecord, users: Users | null, find: (ref: string) => ContainerRecord | null): void {
  for (const ref of sharedWith(record.spec)) {
    const other = find(ref);
    if (other === null || sameUsers(other.users, users)) continue;
    throw new BayplanError('bad-request', `container ${record.name}: it shares a namespace of ${other.name}, which belongs to ${other.users === null ? 'the host\'s users' : 'users of its own'}, and would have no rights over it: give both the same users (userns_mode: "container:${other.name}", or "host" for both)`);
  }
}

/** What only the host's users can have. Throws BayplanError `bad-request`. */
export function checkOwn({ name, spec }: ContainerRecord): void {
  const foreign = foreignNamespace({ namespaces: { ...spec.namespaces, uts: '', cgroup: '', time: '' }, networkMode: spec.networkMode });
  const host = foreign !== null && foreign[1] === 'host' ? `${foreign[0]} "host"` : spec.privileged ? 'privileged' : null;
  if (host !== null) throw new BayplanError('bad-request', `container ${name}: ${host} cannot be had by users of its own: give it userns_mode "host"`);
}
