import { BayplanError } from '../state/bayplan-error.ts';
import type { NetworkSpec } from '../state/network.ts';
import type { Desired, State } from '../state/state.ts';
import { canonical } from './diff.ts';
import type { StepList } from './step-list.ts';

/**
 * Networks that are missing, or are not what the file says. A changed one is made anew, for which its containers must go first: they are the
 * answer's values, by network with the cause.
 */
export function planNetworks(list: StepList, desired: Desired, actual: State): ReadonlyMap<string, string> {
  const rebuilt = new Map<string, string>();
  for (const name of Object.keys(desired.networks).sort()) {
    const wanted = desired.networks[name];
    const there = actual.networks[name];
    if (wanted === undefined) continue;
    if (wanted.spec.external) {
      if (there === undefined) throw new BayplanError('not-found', `network ${name} is declared external, and there is none: make it first, or remove "external"`);
      continue;
    }
    const create = (needs: readonly string[], why: string): void => {
      list.add('create-network', name, { name, stack: desired.stack, network: wanted.spec }, needs, why);
    };
    if (there === undefined || there.status === null) create([], 'there is no such network');
    else {
      const field = changedField(wanted.spec, there.spec);
      if (field !== null) {
        rebuilt.set(name, `network ${name}: ${field} changed`);
        create([list.add('remove-network', name, { name }, attached(actual, name).map((container) => `remove-container ${container}`), `${field} changed`)], `${field} changed`);
      } else if (!there.status.present) create([], 'its bridge is missing');
    }
  }
  return rebuilt;
}

/** Networks of the stack that the file does not name any more, once nothing is attached to them. */
export function planNetworkRemovals(list: StepList, desired: Desired, actual: State): void {
  for (const name of Object.keys(actual.networks).sort()) {
    if (actual.networks[name]?.stack !== desired.stack || desired.networks[name] !== undefined) continue;
    const removals = attached(actual, name).map((container) => `remove-container ${container}`);
    if (!desired.remove.orphans) list.note(`network ${name} is no longer in the file: --remove-orphans removes it`);
    else if (removals.every((id) => list.has(id))) list.add('remove-network', name, { name }, removals, 'it is no longer wanted');
  }
}

function attached(actual: State, network: string): readonly string[] {
  return Object.keys(actual.containers).filter((name) => actual.containers[name]?.spec.networks[network] !== undefined).sort();
}

/** What of a network cannot be changed while it lives; labels alone are no reason to take it away. */
function changedField(wanted: NetworkSpec, actual: NetworkSpec): string | null {
  for (const field of ['driver', 'internal', 'ipam', 'options'] as const) {
    if (canonical(wanted[field]) !== canonical(actual[field])) return field;
  }
  return null;
}
