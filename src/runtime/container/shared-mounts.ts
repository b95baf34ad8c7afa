import { BayplanError } from '../../state/bayplan-error.ts';
import type { Container, ContainerSpec, Mount } from '../../state/container.ts';
import { mountsToShare } from '../../state/mounts-to-share.ts';

/**
 * A spec with the mounts of the containers in its `volumesFrom`, as those have them by now: named, anonymous and the image's volumes, and binds. What it asks for itself stays where it is.
 * Throws BayplanError `not-found` where one of them is not there.
 */
export function withSharedMounts(name: string, spec: ContainerSpec, find: (container: string) => Container | null): ContainerSpec {
  if (spec.volumesFrom.length === 0) return spec;
  const mounts = new Map<string, Mount>(spec.mounts.map((mount) => [mount.target, mount]));
  for (const { container, readOnly } of spec.volumesFrom) {
    const found = find(container);
    if (found === null) throw new BayplanError('not-found', `container ${name}: there is no container ${container}, whose volumes it is to share (volumes_from): bring that up first`);
    for (const mount of mountsToShare(found)) {
      if (!mounts.has(mount.target)) mounts.set(mount.target, { ...mount, readOnly: readOnly || mount.readOnly, shared: true });
    }
  }
  return { ...spec, mounts: [...mounts.values()] };
}
