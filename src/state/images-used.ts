import type { ContainerSpec } from './container.ts';

/** References of all images that a container needs: its own first, then those that are mounted in it, then those of the hooks before it. */
export function imagesUsedBy({ image, mounts, preStart }: Pick<ContainerSpec, 'image' | 'mounts' | 'preStart'>): readonly string[] {
  return [...new Set([image, ...mountedImages({ mounts }), ...preStart.map((hook) => hook.image)])];
}

export function mountedImages({ mounts }: Pick<ContainerSpec, 'mounts'>): readonly string[] {
  return mounts.flatMap((mount) => (mount.type === 'image' ? [mount.source] : []));
}
