import type { Container } from '../state/container.ts';
import { type Drift, driftText, type DriftPolicy, type Found } from '../state/drift.ts';
import type { Plan, Step } from '../state/plan.ts';
import { replicaName } from '../state/replica-name.ts';
import { sharedWith } from '../state/shared-with.ts';
import type { Desired, State } from '../state/state.ts';
import { byKey } from './expand.ts';
import { inOrder } from './in-order.ts';
import { isInactive, networksOf } from './resources.ts';
import { stepId } from './step-id.ts';

/**
 * How each kind is put right, the strongest one of an object's deciding. Data is never: what is gone would be made anew, empty. One that is paused, or whose namespaces others share,
 * is not restarted: that is told.
 *
 * | kind    | of a container       | of a network   | of a volume |
 * |---------|----------------------|----------------|-------------|
 * | process | start                | –              | –           |
 * | mount   | stop, start          | –              | –           |
 * | health  | stop, start          | –              | –           |
 * | network | repair while it runs | repair         | –           |
 * | limit   | repair while it runs | –              | –           |
 * | record  | repair while it runs | repair         | told        |
 * | rules   | the table, whole     | the table      | –           |
 * | data    | told                 | –              | told        |
 */
const REPAIRS: Readonly<Record<Drift['kind'], 'start' | 'restart' | 'repair' | 'rules' | 'none'>> = {
  process: 'start', health: 'restart', mount: 'restart', network: 'repair', limit: 'repair', record: 'repair', rules: 'rules', data: 'none',
};

/** All that has drifted of a stack, and what is held of it. What is not desired, or never came to be, is no drift: that is `up`'s. */
export function foundDrift(desired: Desired, actual: State): readonly Found[] {
  const found: Found[] = [];
  let homes: ReadonlySet<string> | null = null;
  const add = (object: Found['object'], name: string, drift: readonly Drift[], policy: DriftPolicy): void => {
    for (const fate of ['heal', 'report'] as const) {
      const some = drift.filter(({ kind }) => (object === 'volume' || REPAIRS[kind] === 'none' ? 'report' : policy) === fate);
      if (some.length > 0) found.push({ object, name, drift: some, fate });
    }
  };
  for (const [name, { stack, spec, status }] of Object.entries(actual.networks).sort(byKey)) if (stack === desired.stack && !spec.external) add('network', name, status?.drift ?? [], desired.drift);
  for (const [name, { stack, status }] of Object.entries(actual.volumes).sort(byKey)) if (stack === desired.stack) add('volume', name, status?.drift ?? [], desired.drift);
  for (const [name, container] of Object.entries(actual.containers).sort(byKey)) {
    const care = desired.services[container.identity.service]?.care;
    if (care === undefined || container.identity.owner !== 'stack' || isInactive(container, desired) || container.status === null || container.status.phase === 'removing') continue;
    if (container.status.held) found.push({ object: 'container', name, drift: [], fate: 'held' });
    else {
      const { phase, paused, drift = [] } = container.status;
      add('container', name, drift.filter(({ kind }) => kind === 'process' && phase === 'exited'), 'heal'); // the engine itself has stopped it
      if (drift.length === 0 && care.unhealthy === 'leave') continue;
      homes ??= homesOf(actual);
      const others = drift.filter(({ kind }) => kind !== 'process' || (phase === 'lost' && isLost(container)));
      const restarts = others.filter(({ kind }) => REPAIRS[kind] === 'restart');
      const bound = paused || homes.has(name) || homes.has(container.status.id);
      add('container', name, bound ? others.filter((one) => !restarts.includes(one)) : others, care.drift);
      if (bound) add('container', name, restarts, 'report');
      if (care.unhealthy === 'restart' && !bound) add('container', name, unhealthy(container), 'heal'); // the file asks for it
    }
  }
  for (const [name, service] of Object.entries(desired.services).sort(byKey)) {
    for (const slot of service.vacant ?? []) found.push({ object: 'container', name: replicaName(desired.stack, name, service.containerName, slot), drift: [], fate: 'held', removed: true });
  }
  return found;
}

/** The steps that put right what `heals` says of what was found. */
export function driftSteps(all: readonly Found[], actual: State, heals: (found: Found) => boolean, stopTimeoutSeconds: number | null): readonly Step[] {
  const steps: Step[] = [];
  const found = all.filter((one) => one.fate !== 'held' && heals(one));
  const of = (one: Found, how: string): readonly Drift[] => one.drift.filter(({ kind }) => REPAIRS[kind] === how);
  const why = (some: readonly Drift[]): string => `drift: ${some.map(driftText).join('; ')}`;
  for (const one of found) {
    const repair = of(one, 'repair');
    if (one.object === 'network' && repair.length > 0) steps.push({ id: stepId('repair-network', one.name), action: 'repair-network', args: { name: one.name }, needs: [], why: why(repair) });
  }
  for (const one of found) if (one.object === 'container') steps.push(...containerSteps(one, actual.containers[one.name], of, why, stopTimeoutSeconds));
  const rules = found.flatMap((one) => of(one, 'rules'));
  if (rules.length > 0) steps.push({ id: 'repair-rules', action: 'repair-rules', args: {}, needs: steps.filter(({ action }) => action === 'repair-network').map(({ id }) => id), why: why([...new Map(rules.map((one) => [driftText(one), one])).values()]) });
  return merged(steps);
}

function containerSteps(one: Found, container: Container | undefined, of: (one: Found, how: string) => readonly Drift[], why: (some: readonly Drift[]) => string, stopTimeoutSeconds: number | null): readonly Step[] {
  if (container === undefined) return [];
  const { name } = one;
  const { spec, status } = container;
  const networks = networksOf(container).map((network) => stepId('repair-network', network));
  const [start, restart, repair] = ['start', 'restart', 'repair'].map((how) => of(one, how));
  const cause = why([...start ?? [], ...restart ?? [], ...repair ?? []]);
  const starts = (start ?? []).length > 0 || (restart ?? []).length > 0;
  if (!starts) return (repair ?? []).length === 0 ? [] : [{ id: stepId('repair-container', name), action: 'repair-container', args: { name }, needs: networks, why: cause }];
  const stop = stepId('stop-container', name);
  const graceMs = stopTimeoutSeconds === null ? spec.stopGracePeriodMs : stopTimeoutSeconds * 1000;
  return [
    ...(status?.phase === 'running' ? [{ id: stop, action: 'stop-container', args: { name, signal: spec.stopSignal, graceMs, again: true }, needs: networks, why: cause } as const] : []),
    { id: stepId('start-container', name), action: 'start-container', args: { name }, needs: [stop, ...networks], why: cause },
    ...(spec.ports.length > 0 ? [{ id: stepId('publish-ports', name), action: 'publish-ports', args: { name }, needs: [stepId('start-container', name)], why: cause } as const] : []),
  ];
}

/** An object may have been found twice, by its own drift and by its health: each step once, for both. Needs that are not in the plan are none. */
function merged(steps: readonly Step[]): readonly Step[] {
  const byId = new Map<string, Step>();
  for (const step of steps) {
    const before = byId.get(step.id);
    byId.set(step.id, before === undefined ? step : { ...before, why: `${before.why}; ${step.why}` });
  }
  return [...byId.values()].map((step): Step => ({ ...step, needs: step.needs.filter((need) => byId.has(need)) }));
}

/** The plan that puts right what `heals` says. */
export function planDrift(desired: Desired, actual: State, heals: (found: Found) => boolean): Plan {
  const steps = driftSteps(foundDrift(desired, actual), actual, heals, null);
  return { steps: inOrder(steps, ({ id }) => id, ({ needs }) => needs), notes: [], wakeAt: null };
}

/** Names and ids of those in whose namespaces others live, such as end with them: a restart would be theirs too. */
function homesOf({ containers }: State): ReadonlySet<string> {
  const homes = new Set<string>();
  for (const { spec: { namespaces }, status } of Object.values(containers)) if (status?.phase === 'running') for (const home of sharedWith({ namespaces, networkMode: '' })) homes.add(home);
  return homes;
}

/** A restart policy that starts it again comes first. */
function isLost({ status }: Container): boolean {
  return status?.phase === 'lost' && status.restartAt === 0;
}

function unhealthy({ status }: Container): readonly Drift[] {
  return status?.phase === 'running' && !status.paused && status.health === 'unhealthy' ? [{ kind: 'health', field: 'health', expected: 'healthy', found: 'unhealthy' }] : [];
}
