import * as z from 'zod';

/** `size` ids of a container from `containerId` on, and whose ids they are outside it. */
export const IdMapping = z.strictObject({ containerId: z.int().nonnegative(), hostId: z.int().nonnegative(), size: z.int().positive() });
export type IdMapping = z.infer<typeof IdMapping>;

/** The users and groups of a container in a user namespace (user_namespaces(7)). */
export const Users = z.strictObject({ uids: z.array(IdMapping), gids: z.array(IdMapping) });
export type Users = z.infer<typeof Users>;

/** What the core prints of a user namespace. */
export const UsersLine = z.object({ ...Users.shape, version: z.literal(1) });

/** Whom the container's root is outside it. */
export function rootOf({ uids, gids }: Users): { readonly uid: number; readonly gid: number } {
  return { uid: outside(uids), gid: outside(gids) };
}

function outside(mappings: readonly IdMapping[]): number {
  return mappings.find(({ containerId }) => containerId === 0)?.hostId ?? 0;
}

/** As options of the core have them: `INSIDE:OUTSIDE:SIZE,…`. */
export function usersOptions({ uids, gids }: Users, prefix = ''): readonly string[] {
  return [`--${prefix}uids`, optionText(uids), `--${prefix}gids`, optionText(gids)];
}

function optionText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerId, hostId, size }) => `${containerId}:${hostId}:${size}`).join(',');
}

/** As fuse-overlayfs has them: `INSIDE:OUTSIDE:SIZE:INSIDE:…`. */
export function mappingText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerId, hostId, size }) => `${containerId}:${hostId}:${size}`).join(':');
}

/** As uid_map and gid_map have them (user_namespaces(7)). */
export function mapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`).join('');
}

/** As config.json has them. */
export function ociMappings(mappings: readonly IdMapping[]): readonly { readonly containerID: number; readonly hostID: number; readonly size: number }[] {
  return mappings.map(({ containerId, hostId, size }) => ({ containerID: containerId, hostID: hostId, size }));
}

export function sameUsers(one: Users | null, other: Users | null): boolean {
  return one === null || other === null ? one === other : usersOptions(one).join() === usersOptions(other).join();
}
