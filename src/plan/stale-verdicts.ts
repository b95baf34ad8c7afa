import type { State } from '../state/state.ts';
import type { Wanted } from './expand.ts';
import type { Rollouts } from './rollouts.ts';

/**
 * Containers that stay as they are and whose check found them unhealthy before what this plan changes about them, or about what they depend on: that says nothing any more. By name, with why.
 * `wanted` has dependencies first.
 */
export function staleVerdicts(wanted: readonly Wanted[], { fates, updates }: Pick<Rollouts, 'fates' | 'updates'>, actual: State): ReadonlyMap<string, string> {
  const stale = new Map<string, string>();
  const changing = new Set(updates.map(({ service }) => service));
  for (const { name, service, dependsOn } of wanted) {
    const fate = fates.wanted.get(name);
    const cause = Object.keys(dependsOn).sort().find((other) => changing.has(other));
    const changes = fate !== undefined && (fate.kind !== 'settled' || fate.inPlace.length > 0);
    if (service !== '' && (changes || cause !== undefined)) changing.add(service);
    const status = actual.containers[name]?.status;
    if (fate?.kind !== 'settled' || status?.phase !== 'running' || status.paused || status.health !== 'unhealthy' || fate.inPlace.some(({ field }) => field.split('.')[0] === 'healthcheck')) continue;
    if (cause !== undefined) stale.set(name, `it is unhealthy, and service ${cause}, which it depends on, changes`);
    else if (changes) stale.set(name, 'it is unhealthy, and changes');
  }
  return stale;
}
