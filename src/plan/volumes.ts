import { BayplanError } from '../state/bayplan-error.ts';
import type { Desired, State } from '../state/state.ts';
import { canonical } from './diff.ts';
import type { StepList } from './step-list.ts';

/** Volumes that are missing. One whose options differ keeps its data: that is said, never done. */
export function planVolumes(list: StepList, desired: Desired, actual: State): void {
  for (const name of Object.keys(desired.volumes).sort()) {
    const wanted = desired.volumes[name];
    const there = actual.volumes[name];
    if (wanted === undefined) continue;
    if (there === undefined) {
      if (wanted.spec.external) throw new BayplanError('not-found', `volume ${name} is declared external, and there is none: make it first, or remove "external"`);
      list.add('create-volume', name, { name, stack: desired.stack, volume: wanted.spec }, [], 'there is no such volume');
    } else if (!wanted.spec.external && canonical([wanted.spec.driver, wanted.spec.driverOpts]) !== canonical([there.spec.driver, there.spec.driverOpts])) {
      list.note(`volume ${name} was made with other options than the file has; it is kept as it is, since a new one would lose its data`);
    }
  }
}

/** Volumes of the stack that are not named, where they are to go, once no container is left that might use them. */
export function planVolumeRemovals(list: StepList, desired: Desired, actual: State): void {
  if (!desired.remove.volumes) return;
  for (const name of Object.keys(actual.volumes).sort()) {
    if (actual.volumes[name]?.stack !== desired.stack || desired.volumes[name] !== undefined) continue;
    list.add('remove-volume', name, { name }, list.idsOf('remove-container'), 'volumes are to be removed');
  }
}
