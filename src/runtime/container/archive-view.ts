import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerRoot } from '../storage/storage-driver.ts';
import { mappingsOf, mountOf, overlayAnnotations, type ResolvedMount } from './bundle.ts';
import type { Users } from './users.ts';

interface ViewParts { readonly readOnly: boolean; readonly root: ContainerRoot; readonly mounts: readonly ResolvedMount[]; readonly users: Users | null }

/** A bundle of no more than the root and what is bound below it: how the files of a container are reached that does not run. */
export function writeView(folder: string, { readOnly, root, mounts, users }: ViewParts): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'config.json'), JSON.stringify({
    ociVersion: '1.2.0', root: { path: root.path, readonly: readOnly }, mounts: mounts.filter(({ type }) => type === 'bind').map((mount) => mountOf(mount, users)),
    linux: users === null ? { namespaces: [{ type: 'mount' }] } : { namespaces: [{ type: 'user' }, { type: 'mount' }], ...mappingsOf(users) }, annotations: overlayAnnotations(root, users),
  }), { mode: 0o600 });
}
