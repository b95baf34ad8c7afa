import { BayplanError } from '../state/bayplan-error.ts';
import { imagesUsedBy } from '../state/images-used.ts';
import { type PassOptions, USUAL_PASS } from '../state/pass-options.ts';
import type { Plan, Step } from '../state/plan.ts';
import { containerOf } from '../state/shared-with.ts';
import type { Desired, State } from '../state/state.ts';
import { driftSteps, foundDrift } from './drift.ts';
import { expand, type Wanted } from './expand.ts';
import { fatesOf, type Fates } from './fates.ts';
import { imageFates } from './image-fates.ts';
import { inOrder } from './in-order.ts';
import { homeOf } from './home-of.ts';
import { leavingSteps } from './leaving-steps.ts';
import { networkFates, networksOf, users, volumeFates, volumesOf, type ResourceFates } from './resources.ts';
import { rolloutsOf, type Rollouts } from './rollouts.ts';
import { stepId } from './step-id.ts';
import { wantedSteps } from './wanted-steps.ts';

/**
 * What has to be done so that `actual` becomes as `desired`: pure, equal input gives an equal plan, and none is left to do when it is so. Steps come in
 * an order in which they could be carried out one by one. `now` in ms since the epoch. `since`: when it was asked for; a container that was started after that and has ended
 * is noted, not started over and over.
 *
 * Throws BayplanError `not-found` for an external network or volume that is missing, `image-not-found` for an image that is and must not be pulled, `conflict` where a name belongs to somebody else,
 * `volume-lost` where what is to be started needs a volume whose folder is gone.
 */
export function plan(desired: Desired, actual: State, now: number, since: number = Number.POSITIVE_INFINITY, options: PassOptions = USUAL_PASS): Plan {
  const wanted = expand(desired, actual.images).filter(({ name }) => !options.left.includes(name)).map((one) => amongThose(one, options.only));
  const networks = networkFates(desired, actual);
  const volumes = volumeFates(desired, actual);
  const fates = fatesOf(wanted, desired, actual, networks, { now, since, options });
  const pulls = imageFates(wanted, fates, desired, actual, now, since);
  const rollouts = rolloutsOf(wanted, fates, desired, actual, networks, { now, since, options });
  const made = wantedSteps(wanted, rollouts, pulls, desired, actual);
  const notes: string[] = [];
  // No network or volume is made before all missing images are there, as with docker compose: one that cannot be had leaves nothing behind.
  const missing = [...pulls.keys()].filter((image) => (actual.images[image]?.status ?? null) === null).map((image) => stepId('pull-image', image));
  const waits = waitsForOthers(made.steps);
  const others = [
    ...imageSteps(pulls, desired),
    ...networkSteps(networks, missing, fates, desired, actual, notes),
    ...volumeSteps(volumes, missing, fates, desired, actual, notes),
    ...leavingSteps(rollouts.fates, desired, actual, (name) => [...needsOfSuccessor(name, wanted, fates, waits), ...stopsOfSharers(name, wanted, fates)]),
    ...givenUp(rollouts, desired, actual),
    ...made.steps,
  ];
  const steps = [...others, ...repairs(others, desired, actual, options)].map((step): Step => (options.renewVolumes && step.action === 'remove-container' ? { ...step, args: { ...step.args, volumes: true } } : step));
  refuseLostVolumes(steps, actual);
  const ids = new Set(steps.map(({ id }) => id));
  const trials = made.trials.filter((id) => ids.has(id));
  const linked = steps.map((step): Step => ({ ...step, needs: [...new Set(step.needs)].filter((need) => ids.has(need)) }));
  return {
    steps: inOrder(linked, ({ id }) => id, ({ needs }) => needs),
    notes: [...desired.notes, ...networks.notes, ...volumes.notes, ...fates.notes, ...rollouts.notes, ...notes],
    wakeAt: fates.wakeAt,
    ...(trials.length === 0 ? {} : { trials }), ...(rollouts.halts.length === 0 ? {} : { halts: rollouts.halts }),
  };
}

/** What would be made or started with a volume whose folder somebody has removed fails before anything is done: a new folder would hide that the data is gone. */
function refuseLostVolumes(steps: readonly Step[], actual: State): void {
  for (const { action, args } of steps) {
    const spec = action === 'create-container' ? args.spec : action === 'start-container' ? actual.containers[args.name]?.spec : undefined;
    if (spec === undefined) continue;
    for (const volume of volumesOf({ spec, status: null })) {
      const lost = actual.volumes[volume]?.status?.drift?.find(({ kind, field }) => kind === 'data' && field === 'data');
      if (lost !== undefined) throw new BayplanError('volume-lost', `volume ${volume}: its folder ${lost.expected} is gone, and ${'name' in args ? args.name : ''} needs it: put it back from a backup, or run "down" and "volume rm ${volume}" to begin with an empty one`);
    }
  }
}

/** What has drifted is put right too, whoever was to do it: `up` says what there shall be. Not of what is made or started anew anyhow, nor where it is about one container alone. */
function repairs(others: readonly Step[], desired: Desired, actual: State, { only, left }: PassOptions): readonly Step[] {
  if (Object.keys(desired.containers).length > 0) return [];
  const renewed = new Set(others.flatMap(({ action, args }) => (RENEWING.has(action) && 'name' in args ? [args.name] : [])));
  return driftSteps(foundDrift(desired, actual), actual, ({ object, name, drift }) => !renewed.has(name) && !left.includes(name) && drift.every(({ kind }) => kind !== 'health')
    && (object !== 'container' || only === null || only.includes(actual.containers[name]?.identity.service ?? '')), desired.stopTimeoutSeconds);
}

const RENEWING: ReadonlySet<string> = new Set(['create-network', 'remove-network', 'create-container', 'remove-container', 'start-container', 'stop-container', 'rename-container']);

/** Waits for no service that the pass is not about. */
function amongThose(one: Wanted, only: readonly string[] | null): Wanted {
  if (only === null || Object.keys(one.dependsOn).every((service) => only.includes(service))) return one;
  return { ...one, dependsOn: Object.fromEntries(Object.entries(one.dependsOn).filter(([service]) => only.includes(service))) };
}

function imageSteps(pulls: ReadonlyMap<string, string>, desired: Desired): readonly Step[] {
  return [...pulls].map(([image, why]) => ({
    id: stepId('pull-image', image), action: 'pull-image', needs: [], why, args: { image, pullPolicy: desired.images[image]?.spec.pullPolicy ?? 'missing' },
  }));
}

/** New containers that have failed while the one before each runs on: kept for whoever wants to look, and not started again. */
function givenUp({ given }: Rollouts, desired: Desired, actual: State): readonly Step[] {
  return [...given].map(([name, why]): Step => {
    const { stopSignal, stopGracePeriodMs } = actual.containers[name]?.spec ?? { stopSignal: null, stopGracePeriodMs: 0 };
    return { id: stepId('stop-container', name), action: 'stop-container', args: { name, signal: stopSignal, graceMs: desired.stopTimeoutSeconds === null ? stopGracePeriodMs : desired.stopTimeoutSeconds * 1000 }, needs: [], why };
  });
}

/** What a container's going has to wait for: where its successor's image cannot be had, or what that depends on is not well, what runs is not given up. */
function needsOfSuccessor(leaving: string, wanted: readonly Wanted[], fates: Fates, waits: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return wanted.filter(({ name }) => fates.wanted.get(name)?.replaces === leaving)
    .flatMap(({ name, spec }) => [...imagesUsedBy(spec).map((image) => stepId('pull-image', image)), ...waits.get(stepId('start-container', name)) ?? []]);
}

/** By start, what it waits for of containers that the plan leaves as they are: that can be waited for before anything is done. */
function waitsForOthers(steps: readonly Step[]): ReadonlyMap<string, readonly string[]> {
  const ids = new Set(steps.map(({ id }) => id));
  const waits = new Set(steps.flatMap(({ id, action, args, needs }) => (action === 'wait-container' && args.optional !== true && !needs.some((need) => ids.has(need)) ? [id] : [])));
  return waits.size === 0 ? new Map() : new Map(steps.flatMap(({ id, action, needs }) => (action === 'start-container' ? [[id, needs.filter((need) => waits.has(need))]] : [])));
}

/** Who lives in the network namespace of a container that goes is stopped before: its address must be free for the next one. */
function stopsOfSharers(leaving: string, wanted: readonly Wanted[], fates: Fates): readonly string[] {
  return wanted.filter((one) => homeOf(one) === leaving && fates.wanted.get(one.name)?.kind === 'restart').map(({ name }) => stepId('stop-container', name));
}

function networkSteps(networks: ResourceFates, missing: readonly string[], fates: Fates, desired: Desired, actual: State, notes: string[]): readonly Step[] {
  const steps: Step[] = [];
  // Who lives in the network namespace of a container that is gone keeps the networks of that one in use.
  const orphans = [...fates.leaving.keys()].filter((name) => {
    const home = containerOf(actual.containers[name]?.spec.networkMode ?? '');
    return home !== null && actual.containers[home] === undefined;
  });
  for (const [name, why] of networks.remove) {
    const using = users(actual, name, networksOf).map(([container]) => container);
    const kept = using.filter((container) => !fates.leaving.has(container) && !leavesIt(container, name, fates));
    if (kept.length > 0) notes.push(`network ${name} is kept: ${kept.join(', ')} still on it`);
    else steps.push({ id: stepId('remove-network', name), action: 'remove-network', args: { name }, needs: [...using, ...orphans].flatMap((container) => [stepId('remove-container', container), stepId('disconnect-network', `${container} ${name}`)]), why });
  }
  for (const [name, why] of networks.label) steps.push({ id: stepId('label-network', name), action: 'label-network', args: { name, labels: desired.networks[name]?.spec.labels ?? {} }, needs: [], why });
  for (const [name, why] of networks.create) {
    const wanted = desired.networks[name];
    const found = actual.networks[name];
    if (wanted === undefined) continue;
    const { stack, spec } = wanted.spec.external && found !== undefined ? found : { stack: desired.stack, spec: wanted.spec };
    steps.push({ id: stepId('create-network', name), action: 'create-network', args: { name, stack, network: spec }, needs: networks.remove.has(name) ? [stepId('remove-network', name)] : missing, why });
  }
  return steps;
}

/** Whether a container that stays is taken off the network. */
function leavesIt(container: string, network: string, fates: Fates): boolean {
  return fates.wanted.get(container)?.inPlace.some(({ field }) => field === `networks[${network}]`) === true;
}

function volumeSteps(volumes: ResourceFates, missing: readonly string[], fates: Fates, desired: Desired, actual: State, notes: string[]): readonly Step[] {
  const steps: Step[] = [];
  for (const [name, why] of volumes.create) {
    const spec = desired.volumes[name];
    if (spec !== undefined) steps.push({ id: stepId('create-volume', name), action: 'create-volume', args: { name, stack: desired.stack, volume: spec.spec }, needs: missing, why });
  }
  for (const [name, why] of volumes.label) steps.push({ id: stepId('label-volume', name), action: 'label-volume', args: { name, labels: desired.volumes[name]?.spec.labels ?? {} }, needs: [], why });
  for (const [name, why] of volumes.remove) {
    const using = users(actual, name, volumesOf).map(([container]) => container);
    const kept = using.filter((container) => !fates.leaving.has(container));
    if (kept.length > 0) notes.push(`volume ${name} is kept: ${kept.join(', ')} still use${kept.length === 1 ? 's' : ''} it`);
    else steps.push({ id: stepId('remove-volume', name), action: 'remove-volume', args: { name }, needs: using.map((container) => stepId('remove-container', container)), why });
  }
  return steps;
}
