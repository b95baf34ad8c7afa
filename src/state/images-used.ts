import type { ContainerSpec } from './container.ts';

/** References of all images that a container needs: its own first, then those that are mounted in it. */
export function imagesUsedBy({ image, mounts }: Pick<ContainerSpec, 'image' | 'mounts'>): readonly string[] {
  return [...new Set([image, ...mountedImages({ mounts })])];
}

export function mountedImages({ mounts }: Pick<ContainerSpec, 'mounts'>): readonly string[] {
  return mounts.flatMap((mount) => (mount.type === 'image' ? [mount.source] : []));
}
