import type { Container } from '../state/container.ts';
import type { Halt } from '../state/plan.ts';
import { sharedWith } from '../state/shared-with.ts';
import type { Service } from '../state/service.ts';
import type { Desired, State } from '../state/state.ts';
import type { Wanted } from './expand.ts';
import { completed, type Fate, type Fates, type Occasion } from './fates.ts';
import { groupBy } from './group-by.ts';
import type { UpdatePolicy } from '../state/update-policy.ts';
import type { ResourceFates } from './resources.ts';
import { rolloutOf, type SlotState } from './rollout.ts';
import { isChecked, isTried, strategyOf, type Strategy } from './strategy.ts';

/** Restarts after which a container is given up. */
const HOPELESS_RESTARTS = 3;

/** A container that is replaced, or waited for, in its turn. */
export interface Turn { readonly one: Wanted; readonly fate: Fate; readonly old: string | null; readonly order: Strategy['order'] }

/** The update of one service: batches, one after the other. */
export interface RollingUpdate { readonly service: string; readonly policy: UpdatePolicy; /** The key of the file that says so. */ readonly key: 'update_config' | 'rollback_config'; readonly batches: readonly (readonly Turn[])[] }

export interface Rollouts {
  readonly updates: readonly RollingUpdate[];
  /** Of containers that are replaced batch by batch, or stay as they are since their update goes no further: they are nobody else's affair. */
  readonly apart: ReadonlySet<string>;
  /** What is left of all other fates. */
  readonly fates: Fates;
  readonly halts: readonly Halt[];
  /** New ones that have failed and run on: they are stopped. */
  readonly given: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
}

/** Decides which of the containers that are to be made anew are replaced batch by batch, and how far that goes now. */
export function rolloutsOf(wanted: readonly Wanted[], fates: Fates, desired: Desired, actual: State, networks: ResourceFates, { since, options }: Occasion): Rollouts {
  const kept = new Map(fates.wanted);
  const leaving = new Map(fates.leaving);
  const updates: RollingUpdate[] = [];
  const apart = new Set<string>();
  const halts: Halt[] = [];
  const given = new Map<string, string>();
  const notes: string[] = [];

  const policyOf = (service: Service): UpdatePolicy => (options.goingBack ? service.rollback : service.update);
  const halt = (service: Service, name: string, members: readonly Wanted[], states: readonly SlotState[]): void => {
    const rollout = rolloutOf(states, policyOf(service));
    if (rollout.phase === 'going' || rollout.phase === 'done') return;
    const failed = rollout.failed.map((index) => fates.wanted.get(members[index]?.name ?? '')?.successor ?? members[index]?.name ?? '');
    const what = failed.map((container) => `${container}: ${failureText(actual.containers[container])}`).join('; ');
    halts.push({
      service: name, rollback: rollout.phase === 'rollback',
      why: `the update of service ${name} ${rollout.phase === 'over' ? 'has ended' : 'goes no further'}: ${failed.length} of ${members.length} new container${members.length === 1 ? '' : 's'} failed (${what}; see ${failed.length === 1 ? 'its' : 'their'} logs)`,
    });
    for (const container of failed) if (apart.has(container) && isAlive(actual.containers[container])) given.set(container, 'it has failed, and the one before it stays');
    // One that is well beside the one before it has come too late: what failed is the image.
    for (const one of members) {
      const fate = fates.wanted.get(one.name);
      if (fate !== undefined && isReplaced(fate) && fate.successor !== null && usable(fate, actual, since) !== null) leaving.set(fate.successor, `the update of service ${name} goes no further`);
    }
  };

  for (const [name, members] of groupBy(wanted.filter(({ owner }) => owner === 'stack'), ({ service }) => service)) {
    const service = desired.services[name];
    if (service === undefined || options.only?.includes(name) === false) continue;
    const states = members.map((one) => stateOf(one, fates.wanted.get(one.name), actual, since));
    const sample = members.find((one) => isReplaced(fates.wanted.get(one.name)) && runs(fates.wanted.get(one.name), actual));
    const old = actual.containers[fates.wanted.get(sample?.name ?? '')?.replaces ?? ''];
    if (sample === undefined || old === undefined) {
      if (isTried(service.replicas, policyOf(service), isChecked(service.template, actual)) && members.some((one, index) => states[index] === 'failed' && isNew(actual.containers[one.name], since))) halt(service, name, members, states);
      continue;
    }
    const sharers = wanted.filter((other) => members.some((one) => sharedWith(other.spec).includes(one.name))).map((other) => other.name);
    const strategy = strategyOf(service, policyOf(service), sample, old, sharers, desired, actual, networks);
    notes.push(`service ${name}: ${strategy.rolling ? 'rolling' : 'recreate'}, ${strategy.order}: ${strategy.why}`);
    if (!strategy.rolling) continue;

    const rollout = rolloutOf(states, policyOf(service));
    for (const one of members) {
      const fate = fates.wanted.get(one.name);
      if (!isReplaced(fate)) continue;
      kept.delete(one.name);
      for (const container of [fate?.replaces, fate?.successor]) {
        if (container === null || container === undefined) continue;
        leaving.delete(container);
        apart.add(container);
      }
    }
    if (rollout.phase === 'going') {
      const turn = (index: number): readonly Turn[] => {
        const one = members[index];
        const fate = one === undefined ? undefined : fates.wanted.get(one.name);
        if (one === undefined || fate === undefined) return [];
        const order = runs(fate, actual) ? strategy.order : 'stop-first';
        return [{ one, fate: { ...fate, why: `rolling: ${fate.why}`, successor: usable(fate, actual, since) }, old: isReplaced(fate) ? fate.replaces : null, order }];
      };
      updates.push({ service: name, policy: policyOf(service), key: options.goingBack ? 'rollback_config' : 'update_config', batches: rollout.batches.map((batch) => batch.flatMap(turn)) });
      // One that failed in another pass is made again below a new interim name.
      for (const one of members) {
        const fate = fates.wanted.get(one.name);
        if (isReplaced(fate) && fate?.successor !== null && fate?.successor !== undefined && usable(fate, actual, since) === null && stateOf(one, fate, actual, since) !== 'failed') leaving.set(fate.successor, 'it has failed before');
      }
    } else halt(service, name, members, states);
  }
  return { updates, apart, fates: { ...fates, wanted: kept, leaving }, halts, given, notes };
}

function isNew(container: Container | undefined, since: number): boolean {
  return container !== undefined && container.identity.generation > 1 && (container.status?.createdAt ?? 0) >= since;
}

/** It runs, or will be started again: also where it has only just ended, and its restart is not set yet. */
function isAlive(container: Container | undefined): boolean {
  const status = container?.status ?? null;
  return container !== undefined && status !== null && (status.phase === 'running' || status.restartAt > 0 || (!status.held && container.spec.restart.policy !== 'no'));
}

function isReplaced(fate: Fate | undefined): boolean {
  return fate?.kind === 'create' && fate.replaces !== null;
}

/** Whether the one that is replaced runs. */
function runs(fate: Fate | undefined, actual: State): boolean {
  return actual.containers[fate?.replaces ?? '']?.status?.phase === 'running';
}

function stateOf({ name, spec }: Wanted, fate: Fate | undefined, actual: State, since: number): SlotState {
  const checked = isChecked(spec, actual);
  if (isReplaced(fate)) {
    const successor = actual.containers[fate?.successor ?? ''];
    if (successor !== undefined && (successor.status?.createdAt ?? 0) >= since && (hasFailed(successor, since) || (runs(fate, actual) && hasEnded(successor)))) return 'failed';
    if (successor !== undefined && fate !== undefined && usable(fate, actual, since) !== null) return 'rolling';
    const old = actual.containers[fate?.replaces ?? ''];
    return old === undefined || !isReady(old, isChecked(old.spec, actual)) ? 'broken' : 'outdated';
  }
  const container = actual.containers[fate?.successor ?? name];
  if (container === undefined || fate?.kind === 'create') return 'unready';
  if (hasFailed(container, since)) return 'failed';
  return isReady(container, checked) || (container.status !== null && completed(container.status)) ? 'current' : 'unready';
}

/** The successor, where it runs and has not failed. */
function usable(fate: Fate, actual: State, since: number): string | null {
  const successor = fate.successor === null ? undefined : actual.containers[fate.successor];
  return successor !== undefined && successor.status?.phase === 'running' && !hasFailed(successor, since) ? fate.successor : null;
}

function isReady({ status }: Container, checked: boolean): boolean {
  return status?.phase === 'running' && (checked ? status.health === 'healthy' : status.restarts < HOPELESS_RESTARTS);
}

function hasFailed({ status }: Container, since: number): boolean {
  if (status === null) return false;
  if (status.restarts >= HOPELESS_RESTARTS || (status.phase === 'running' && status.health === 'unhealthy')) return true;
  return (status.phase === 'exited' || status.phase === 'lost') && status.restartAt === 0 && !completed(status) && status.finishedAt >= since;
}

/** Whatever its code: it was to serve in the place of one that runs. */
function hasEnded({ status }: Container): boolean {
  return status !== null && (status.phase === 'exited' || status.phase === 'lost') && status.restartAt === 0 && status.finishedAt > 0;
}

function failureText(container: Container | undefined): string {
  const status = container?.status;
  if (status === null || status === undefined) return 'it is gone';
  if (status.error !== '') return status.error;
  if (status.health === 'unhealthy') return 'it is unhealthy';
  if (status.held && (status.failingStreak ?? 0) > 0) return 'it was unhealthy';
  return status.restarts >= HOPELESS_RESTARTS ? 'it keeps ending and being restarted' : `it has ended with code ${status.exitCode}`;
}
