import type { Container } from '../state/container.ts';
import { imagesUsedBy } from '../state/images-used.ts';
import type { Step } from '../state/plan.ts';
import type { Desired, State } from '../state/state.ts';
import type { Wanted } from './expand.ts';
import type { Fate } from './fates.ts';
import { groupBy } from './group-by.ts';
import { homeOf } from './home-of.ts';
import { inPlaceSteps } from './in-place-steps.ts';
import { Readiness } from './readiness.ts';
import { networksOf, volumesOf } from './resources.ts';
import { rollingSteps, type Surroundings } from './rolling-steps.ts';
import type { Rollouts } from './rollouts.ts';
import { isInterim } from './slots.ts';
import { staleVerdicts } from './stale-verdicts.ts';
import { isStarted, StartHooks } from './start-hooks.ts';
import { stepId } from './step-id.ts';
import { WantedPorts } from './wanted-ports.ts';

export interface WantedSteps { readonly steps: readonly Step[]; /** Steps that try a new container out. */ readonly trials: readonly string[] }

type Turns = Pick<Rollouts, 'fates' | 'updates' | 'apart'>;

/** Changes, makes, starts and publishes what is wanted, each start after what it depends on, and carries out the rolling updates. May name needs that are not in the plan. */
export function wantedSteps(wanted: readonly Wanted[], turns: Turns, pulls: ReadonlyMap<string, string>, desired: Desired, actual: State): WantedSteps {
  const { fates, updates } = turns;
  const byService = groupBy(wanted, ({ service }) => service);
  const readiness = new Readiness(byService, fates, actual);
  const ports = new WantedPorts(wanted, turns, desired, actual);
  const hooks = new StartHooks({ byService, fates, updates, readiness, desired, actual });
  const around: Surroundings = {
    creation: (one, fate, name, needs) => creation(one, fate, name, [...networkNeeds(one), ...needs], pulls, desired),
    conditions: (one) => readiness.of(one),
    gate: ({ service }, container) => hooks.gate(service, container),
    holders: (wantedPorts, service) => ports.withdrawals(wantedPorts, service), published: (one) => ports.isPublished(one),
    yields: (name) => ports.yields(name), // at once: who is to get the port may be what the container that takes this one's place depends on
  };
  const rolled = updates.map((update) => { // services come after what they depend on
    const made = rollingSteps(update, desired, actual, around);
    readiness.endWith(made.ends);
    return made;
  });
  const verdicts = staleVerdicts(wanted, turns, actual);
  const inPlace = wanted.flatMap((one) => {
    const fate = fates.wanted.get(one.name);
    return fate === undefined ? [] : stepsInPlace(one, fate, { wanted, turns, pulls, desired, actual, readiness, ports, hooks, verdict: verdicts.get(one.name) });
  });
  return { steps: [...rolled.flatMap(({ steps }) => steps), ...inPlace, ...hooks.steps], trials: rolled.flatMap(({ trials }) => trials) };
}

/** `verdict`: why the container's health has to be looked at anew. */
interface Scene {
  readonly wanted: readonly Wanted[];
  readonly turns: Turns;
  readonly pulls: ReadonlyMap<string, string>;
  readonly desired: Desired;
  readonly actual: State;
  readonly readiness: Readiness;
  readonly ports: WantedPorts;
  readonly hooks: StartHooks;
  readonly verdict: string | undefined;
}

/** The steps of one container that is not replaced in a turn of an update. */
function stepsInPlace(one: Wanted, fate: Fate, scene: Scene): readonly Step[] {
  const { turns: { fates }, pulls, desired, actual, readiness, ports, hooks, verdict } = scene;
  const { name } = one;
  const { why } = fate;
  const container = actual.containers[fate.successor ?? name];
  const changes = container === undefined ? [] : inPlaceSteps(one, container, fate.inPlace);
  const steps: Step[] = [];
  const changed = changes.map(({ id }) => id);
  if (fate.successor !== null && fate.kind !== 'create') {
    const rename = stepId('rename-container', fate.successor);
    const took = container !== undefined && isInterim(one, [fate.successor, container]);
    steps.push({ id: rename, action: 'rename-container', args: { name: fate.successor, to: name }, needs: [], why: took ? 'it has taken the place of the one before it' : `the container's name: ${fate.successor} → ${name}` });
    changed.push(rename);
  }
  steps.push(...changes);
  const starts = isStarted(one, fates, desired);
  const conditions = starts || verdict !== undefined ? readiness.of(one) : { needs: [], waits: [] };
  if (fate.kind === 'unpause' && !desired.unstarted.includes(name)) steps.push({ id: stepId('unpause-container', name), action: 'unpause-container', args: { name }, needs: changed, why });
  if (fate.kind === 'create') steps.push(creation(one, fate, name, networkNeeds(one), pulls, desired));
  if (fate.kind === 'restart' && starts) steps.push(...stopsToRestart(one, container, { why, conditions: conditions.needs }, scene));
  steps.push(...conditions.waits);
  if (verdict !== undefined) steps.push({ id: stepId('probe-container', name), action: 'probe-container', args: { name }, needs: [...changed, ...conditions.needs], why: verdict });
  if (starts) {
    const needs = [stepId('create-container', name), stepId('stop-container', name), ...changed, ...networkNeeds(one), ...conditions.needs, ...hooks.gate(one.service, name)];
    steps.push({ id: stepId('start-container', name), action: 'start-container', args: { name }, needs, why });
  }
  return [...steps, ...ports.steps({ one, container, starts, changes, changed, why })];
}

/** Its dependencies first: should one of them fail, this one at least runs on. Not where it lives in the network of one that is made anew. */
function stopsToRestart(one: Wanted, container: Container | undefined, { why, conditions }: { readonly why: string; readonly conditions: readonly string[] }, { wanted, turns: { fates }, desired }: Scene): readonly Step[] {
  const { name, spec } = one;
  const home = wanted.find((other) => other.name === homeOf(one) && fates.wanted.get(other.name)?.kind === 'create');
  const needs = home === undefined ? [...networkNeeds(one), ...conditions] : [stepId('pull-image', home.spec.image)];
  const graceMs = desired.stopTimeoutSeconds === null ? spec.stopGracePeriodMs : desired.stopTimeoutSeconds * 1000;
  const withdraw = stepId('withdraw-ports', name);
  return [
    ...((container?.status?.ports.length ?? 0) > 0 ? [{ id: withdraw, action: 'withdraw-ports', args: { name }, needs, why } as const] : []),
    { id: stepId('stop-container', name), action: 'stop-container', args: { name, signal: spec.stopSignal, graceMs }, needs: [...needs, withdraw], why },
  ];
}

function networkNeeds(one: Wanted): readonly string[] {
  return networksOf(one).map((network) => stepId('create-network', network));
}

function creation({ owner, service, slot, spec: known }: Wanted, fate: Fate, name: string, needs: readonly string[], pulls: ReadonlyMap<string, string>, desired: Desired): Step {
  const spec = pulls.has(known.image) ? { ...known, imageId: '' } : known; // of what the name stands for then
  return {
    id: stepId('create-container', name), action: 'create-container',
    args: { name, identity: { owner, stack: owner === 'api' ? '' : desired.stack, service, slot, generation: fate.generation }, spec },
    needs: [
      ...imagesUsedBy(spec).map((image) => stepId('pull-image', image)), ...needs, ...volumesOf({ spec, status: null }).map((volume) => stepId('create-volume', volume)),
      ...spec.volumesFrom.map(({ container }) => stepId('create-container', container)), stepId('remove-container', name), ...(fate.replaces === null ? [] : [stepId('remove-container', fate.replaces)]),
    ],
    why: fate.why,
  };
}
