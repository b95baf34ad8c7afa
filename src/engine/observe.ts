import type { Containers } from '../runtime/container/containers.ts';
import type { Images } from '../runtime/image/images.ts';
import type { Networks } from '../runtime/network/networks.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import { emptyState, type Desired, type State } from '../state/state.ts';

export interface Observed {
  readonly images: Images;
  readonly containers: Containers;
  readonly networks: Networks;
  readonly volumes: Volumes;
}

/**
 * The actual side: all that belongs to the stack, and of what does not, the networks, volumes and images that the desired side names.
 * The API's containers are left out, but for one that is itself what is desired.
 */
export function actualState(stack: string, desired: Desired | null, runtime: Observed): State {
  const state = emptyState(stack);
  const references = new Set(Object.keys(desired?.images ?? {}));
  for (const [name, container] of runtime.containers.list()) {
    const { owner, stack: its } = container.identity;
    if (owner === 'api' ? desired?.containers[name] === undefined : its !== stack) continue;
    state.containers[name] = container;
    references.add(container.spec.image);
  }
  for (const [name, network] of runtime.networks.list()) {
    if (network.stack === stack || desired?.networks[name] !== undefined) state.networks[name] = network;
  }
  for (const [name, volume] of runtime.volumes.list()) {
    if (volume.stack === stack || desired?.volumes[name] !== undefined) state.volumes[name] = volume;
  }
  for (const reference of references) {
    const status = runtime.images.find(reference);
    if (status !== null) state.images[reference] = { spec: { pullPolicy: 'missing', refreshMs: 0 }, status, pulledAt: runtime.images.pulledAt(reference) };
  }
  return state;
}
