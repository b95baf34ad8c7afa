import type { PublishedPort } from '../state/container.ts';
import type { Step } from '../state/plan.ts';
import type { Desired, State } from '../state/state.ts';
import { networksOf } from './resources.ts';
import type { RollingUpdate, Turn } from './rollouts.ts';
import { interimName } from './slots.ts';
import { stepId } from './step-id.ts';
import type { Wanted } from './expand.ts';
import type { Fate } from './fates.ts';

/** What rolling steps need of the plan around them. */
export interface Surroundings {
  readonly creation: (one: Wanted, fate: Fate, name: string, needs: readonly string[]) => Step;
  /** What has to be so before a container can start, with the waits for it. */
  readonly conditions: (one: Wanted) => { readonly needs: readonly string[]; readonly waits: readonly Step[] };
  /** What the start of a container waits for beside those: hooks. */
  readonly gate: (one: Wanted, container: string) => readonly string[];
  /** Ports that have to be withdrawn from others first. */
  readonly holders: (ports: readonly PublishedPort[], service: string) => readonly string[];
  readonly published: (one: Wanted) => boolean;
  /** Whether another service is to get a port that this container has. */
  readonly yields: (name: string) => boolean;
}

/** The steps of an update, and which of them try a new container out. */
export interface RollingSteps { readonly steps: readonly Step[]; readonly trials: readonly string[]; /** The last of each container, by its name. */ readonly ends: ReadonlyMap<string, string> }

/**
 * Replaces containers batch by batch: a batch begins when the one before it has come to its end. With start-first, the new one is ready, and has the ports, before the old one is taken
 * from them; then the old one is left to its connections, stopped, and its name passes on.
 */
export function rollingSteps({ service, policy, key, batches }: RollingUpdate, desired: Desired, actual: State, around: Surroundings): RollingSteps {
  const steps: Step[] = [];
  const trials: string[] = [];
  const ends = new Map<string, string>();
  let before: readonly string[] = [];
  for (const [index, batch] of batches.entries()) {
    if (index > 0 && policy.delayMs > 0) {
      const id = `wait-time ${service} ${index + 1}`;
      steps.push({ id, action: 'wait-time', args: { ms: policy.delayMs }, needs: before, why: `${key}.delay of service ${service}` });
      before = [id];
    }
    const updated = policy.failureAction === 'continue' ? [] : batches.slice(0, index).flat().map(endsAs);
    const turns = batch.map((turn) => turnSteps(turn, before, updated, { ms: policy.monitorMs, why: `${key}.monitor of service ${service}` }, desired, actual, around));
    before = turns.map(({ end }) => end);
    for (const [at, turn] of turns.entries()) {
      steps.push(...turn.steps);
      trials.push(...turn.trials);
      ends.set(batch[at]?.one.name ?? '', turn.end);
    }
  }
  return { steps, trials, ends };
}

/** The name below which the container of a turn is made. */
export function comesAs({ one, fate, order }: Turn): string {
  return fate.successor ?? (order === 'start-first' ? interimName(one.name, fate.generation) : one.name);
}

/** The name that it has when its turn has come to its end. */
function endsAs(turn: Turn): string {
  return turn.order === 'stop-first' && turn.old !== null ? comesAs(turn) : turn.one.name;
}

function turnSteps(turn: Turn, before: readonly string[], updated: readonly string[], monitor: { readonly ms: number; readonly why: string }, desired: Desired, actual: State, around: Surroundings): { readonly steps: readonly Step[]; readonly trials: readonly string[]; readonly end: string } {
  const { one, fate, old, order } = turn;
  const { why, successor } = fate;
  const steps: Step[] = [];
  const steadyOf = (name: string, need: string): Step =>
    ({ id: `${stepId('wait-container', name)} steady`, action: 'wait-container', args: { name, until, steadyMs: monitor.ms }, needs: [need], why: monitor.why });
  // Who takes the place of one that runs has to run too: an end, with 0 too, is none of what was asked for.
  const until = actual.containers[old ?? '']?.status?.phase === 'running' ? 'serving' : 'ready';
  const readyOf = (name: string, needs: readonly string[]): Step => ({ id: `${stepId('wait-container', name)} ready`, action: 'wait-container', args: { name, until }, needs, why });
  if (old === null) { // it is as wanted, and started elsewhere in the plan
    const wait = { ...readyOf(one.name, [...before, stepId('start-container', one.name), ...(successor === null ? [] : [stepId('rename-container', successor)])]), why: `service ${one.service} is updated` };
    return { steps: [wait], trials: [wait.id], end: wait.id };
  }
  const startFirst = order === 'start-first';
  const name = comesAs(turn);
  const { needs: conditions, waits } = around.conditions(one);
  const ready = `${stepId('wait-container', name)} ready`;
  const publish = stepId('publish-ports', name);
  const leave = (needs: readonly string[]): void => {
    const container = actual.containers[old];
    if (container === undefined) return;
    const { spec: { stopGracePeriodMs, stopSignal }, status } = container;
    const graceMs = desired.stopTimeoutSeconds === null ? stopGracePeriodMs : desired.stopTimeoutSeconds * 1000;
    const withdraw = stepId('withdraw-ports', old);
    if ((status?.ports.length ?? 0) > 0) steps.push({ id: withdraw, action: 'withdraw-ports', args: { name: old }, needs: around.yields(old) ? [] : needs, why });
    if (status?.phase === 'running') {
      steps.push({ id: stepId('drain-container', old), action: 'drain-container', args: { name: old, atMostMs: graceMs }, needs: [...needs, withdraw], why });
      steps.push({ id: stepId('stop-container', old), action: 'stop-container', args: { name: old, signal: stopSignal, graceMs }, needs: [stepId('drain-container', old)], why });
    }
    steps.push({ id: stepId('remove-container', old), action: 'remove-container', args: { name: old }, needs: [...needs, withdraw, stepId('stop-container', old)], why });
  };

  // The dependencies first: should one of them fail, the old one at least runs on.
  steps.push(...waits);
  const image = stepId('pull-image', one.spec.image);
  const first = [...before, ...conditions, image];
  // Whoever was updated before has to be well still when the next old one goes, unless what fails is passed over anyhow.
  const [another, ...others] = updated;
  const still = `${stepId('wait-container', name)} beside ${updated.length} more`;
  const updatedAreWell = (needs: readonly string[]): readonly string[] => {
    if (another === undefined) return needs;
    steps.push({ id: still, action: 'wait-container', args: { name: another, until, beside: others }, needs, why });
    return [still];
  };
  if (!startFirst) leave(updatedAreWell(first));
  if (successor === null) steps.push(around.creation(one, startFirst ? { ...fate, replaces: null } : fate, name, [...first, ...(startFirst ? [] : [stepId('remove-container', old)])]));
  const start = stepId('start-container', name);
  if (successor === null) steps.push({ id: start, action: 'start-container', args: { name }, needs: [...first, ...around.gate(one, name), stepId('create-container', name), ...networksOf(one).map((network) => stepId('create-network', network))], why });
  steps.push(readyOf(name, [...first, start]));
  const trials = [start, ready, still];
  const ported = around.published(one) && one.spec.ports.length > 0;
  if (ported) steps.push({ id: publish, action: 'publish-ports', args: { name }, needs: [ready, ...around.holders(one.spec.ports, one.service)], why });
  let last = ported ? publish : ready;
  if (monitor.ms > 0) {
    const steady = steadyOf(name, last);
    steps.push(steady);
    trials.push(steady.id);
    last = steady.id;
  }
  if (!startFirst) return { steps, trials, end: last };
  leave(updatedAreWell([last]));
  const rename = stepId('rename-container', name);
  steps.push({ id: rename, action: 'rename-container', args: { name, to: one.name }, needs: [stepId('remove-container', old)], why });
  return { steps, trials, end: rename };
}
