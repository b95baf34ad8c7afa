import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerSpec, Mount } from '../state/container.ts';
import type { DockerConfig } from './docker-config.ts';
import type { EngineView } from './engine-view.ts';

/** `VolumesFrom`: volumes and folders of other containers, `NAME[:ro|rw]`, at the places where those have them. What the container asks for itself comes first. */
export function withVolumesFrom(engine: Pick<EngineView, 'container'>, { HostConfig }: DockerConfig, spec: ContainerSpec): ContainerSpec {
  const mounts = new Map<string, Mount>(spec.mounts.map((mount) => [mount.target, mount]));
  for (const text of HostConfig?.VolumesFrom ?? []) {
    const [, ref = '', mode = ''] = /^(.+?)(?::([a-z,]+))?$/.exec(text) ?? [];
    if (!['', 'ro', 'rw'].includes(mode)) throw new BayplanError('bad-request', `HostConfig.VolumesFrom: "${text}": expected CONTAINER[:ro|rw]`);
    for (const mount of mountsOf(engine.container(ref))) {
      if (mounts.has(mount.target)) continue;
      mounts.set(mount.target, mode === 'ro' ? { ...mount, readOnly: true } : mount);
    }
  }
  return { ...spec, mounts: [...mounts.values()] };
}

/** All that another container could have too: an anonymous volume by the name it was given. */
function mountsOf({ spec, status }: ReturnType<EngineView['container']>): readonly Exclude<Mount, { type: 'tmpfs' | 'image' }>[] {
  const anonymous = Object.entries(status?.anonymousVolumes ?? {}).map(([target, source]) => {
    const asked = spec.mounts.find((mount) => mount.target === target);
    return { type: 'volume' as const, source, target, readOnly: asked?.type === 'volume' && asked.readOnly, nocopy: true, subpath: '' };
  });
  const named = spec.mounts.flatMap((mount) => (mount.type === 'tmpfs' || mount.type === 'image' || (mount.type === 'volume' && mount.source === null) ? [] : [mount]));
  return [...named, ...anonymous];
}
