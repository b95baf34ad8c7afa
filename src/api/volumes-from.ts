import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerSpec, Mount } from '../state/container.ts';
import { mountsToShare } from '../state/mounts-to-share.ts';
import type { DockerConfig } from './docker-config.ts';
import type { EngineView } from './engine-view.ts';

/** Throws `bad-request`: docker's client takes a 404 for a missing image, and pulls. */
function lender(engine: Pick<EngineView, 'container'>, ref: string): ReturnType<EngineView['container']> {
  try {
    return engine.container(ref);
  } catch (error) {
    throw error instanceof BayplanError && error.code === 'not-found' ? new BayplanError('bad-request', error.message) : error;
  }
}

/** `VolumesFrom`: volumes and folders of other containers, `NAME[:ro|rw]`, at the places where those have them. What the container asks for itself comes first, but for volumes without a name. */
export function withVolumesFrom(engine: Pick<EngineView, 'container'>, { HostConfig }: DockerConfig, spec: ContainerSpec): ContainerSpec {
  const mounts = new Map<string, Mount>(spec.mounts.map((mount) => [mount.target, mount]));
  for (const text of HostConfig?.VolumesFrom ?? []) {
    const [, ref = '', mode = ''] = /^(.+?)(?::([A-Za-z,]+))?$/.exec(text) ?? [];
    const options = mode.split(',').filter((option) => !/^[zZ]?$/.test(option)); // labels of SELinux, which there is none of
    if (options.length > 1 || !['ro', 'rw'].includes(options[0] ?? 'rw')) throw new BayplanError('bad-request', `HostConfig.VolumesFrom: "${text}": expected CONTAINER[:ro|rw]`);
    for (const mount of mountsToShare(lender(engine, ref))) {
      const own = mounts.get(mount.target);
      if (own !== undefined && !(own.type === 'volume' && own.source === null)) continue;
      mounts.set(mount.target, options[0] === 'ro' ? { ...mount, readOnly: true } : mount);
    }
  }
  return { ...spec, mounts: [...mounts.values()] };
}
