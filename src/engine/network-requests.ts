import type { Containers } from '../runtime/container/containers.ts';
import type { Networks } from '../runtime/network/networks.ts';
import { stepId } from '../plan/step-id.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Network, NetworkSpec } from '../state/network.ts';
import type { Step } from '../state/plan.ts';

export interface NetworkRuntime {
  readonly networks: Pick<Networks, 'list'>;
  readonly containers: Pick<Containers, 'list'>;
  /** Carries out the steps of a small plan while no container of the API is being made, or rejects with the first failure. */
  readonly carryOut: (steps: readonly Step[]) => Promise<void>;
  /** Whether something is being made that may want the network. */
  readonly awaited: (name: string, network: Network) => boolean;
}

/** Makes a network that belongs to no stack. Rejects with `subnet-taken`, `bad-request` …; one that is there and the same is no error. */
export async function createNetwork({ carryOut }: NetworkRuntime, name: string, spec: NetworkSpec): Promise<void> {
  await carryOut([{ id: stepId('create-network', name), action: 'create-network', args: { name, stack: '', network: spec }, needs: [], why: 'it was asked for' }]);
}

/** Rejects with `network-in-use`. */
export async function removeNetwork({ carryOut }: NetworkRuntime, name: string): Promise<void> {
  await carryOut([{ id: stepId('remove-network', name), action: 'remove-network', args: { name }, needs: [], why: 'its removal was asked for' }]);
}

/** Removes networks that no container is on and that nothing being made wants, of those that pass; answers their names. */
export async function pruneNetworks(runtime: NetworkRuntime, passes: (name: string, network: Network) => boolean): Promise<readonly string[]> {
  const deleted: string[] = [];
  for (const [name, network] of runtime.networks.list()) {
    if (usedNetworks(runtime).has(name) || runtime.awaited(name, network) || !passes(name, network)) continue;
    try {
      await removeNetwork(runtime, name);
      deleted.push(name);
    } catch (error) {
      if (!(error instanceof BayplanError && error.code === 'network-in-use')) throw error; // by a container that was made meanwhile
    }
  }
  return deleted;
}

/** Names of the networks that containers are on, running or not. */
export function usedNetworks({ containers }: Pick<NetworkRuntime, 'containers'>): ReadonlySet<string> {
  return new Set([...containers.list().values()].flatMap(({ spec }) => (spec.networkMode === 'bridge' ? Object.keys(spec.networks) : [])));
}
