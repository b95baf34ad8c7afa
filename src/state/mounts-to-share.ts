import type { Container, Mount } from './container.ts';

/** All mounts of a container that another one could have too: an anonymous volume by the name it was given. */
export function mountsToShare({ spec, status }: Pick<Container, 'spec' | 'status'>): readonly Exclude<Mount, { type: 'tmpfs' | 'image' }>[] {
  const anonymous = Object.entries(status?.anonymousVolumes ?? {}).map(([target, source]) => {
    const asked = spec.mounts.find((mount) => mount.target === target);
    return { type: 'volume' as const, source, target, readOnly: asked?.type === 'volume' && asked.readOnly, nocopy: true, subpath: '' };
  });
  const named = spec.mounts.flatMap((mount) => (mount.type === 'tmpfs' || mount.type === 'image' || (mount.type === 'volume' && mount.source === null) ? [] : [mount]));
  return [...named, ...anonymous];
}
