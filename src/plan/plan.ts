import type { Plan } from '../state/plan.ts';
import type { Desired, State } from '../state/state.ts';
import { planContainers } from './containers.ts';
import { expand } from './expand.ts';
import { planNetworks, planNetworkRemovals } from './networks.ts';
import { StepList } from './step-list.ts';
import { planVolumes, planVolumeRemovals } from './volumes.ts';

/**
 * What has to be done so that the actual side becomes the desired one. Pure: no I/O, no clock, no randomness; equal inputs give equal plans.
 * Made again after each change until it is empty.
 *
 * `now`: ms since the epoch. `since`: when this was asked for; a container that was started after that and has ended has done what was asked
 * of it, and is not started again. Throws BayplanError where what is desired cannot be: an external network or volume that is missing, a cycle.
 */
export function plan(desired: Desired, actual: State, now: number, since: number = Number.POSITIVE_INFINITY): Plan {
  const list = new StepList();
  for (const note of desired.notes) list.note(note);
  const wanted = expand(desired, actual);
  const rebuilt = planNetworks(list, desired, actual);
  planVolumes(list, desired, actual);
  planContainers(list, { desired, actual, wanted, rebuilt, now, since });
  planNetworkRemovals(list, desired, actual);
  planVolumeRemovals(list, desired, actual);
  return list.plan();
}
