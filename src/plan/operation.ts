import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';
import type { Operation } from '../state/operation.ts';
import type { Plan, Step } from '../state/plan.ts';
import type { Dependency } from '../state/service.ts';
import { nothingDesired, type Desired, type State } from '../state/state.ts';
import { byKey, type Wanted } from './expand.ts';
import type { Fate, Fates } from './fates.ts';
import { inOrder } from './in-order.ts';
import { dependenciesOf, leavingSteps, stopOrder } from './leaving-steps.ts';
import { users, volumesOf } from './resources.ts';
import { stepId } from './step-id.ts';
import { wantedSteps } from './wanted-steps.ts';

type Found = readonly [name: string, container: Container];

/**
 * What has to be done for an operation, planned once: what becomes of the containers afterwards is their own affair. Pure, as `plan` is.
 *
 * Throws BayplanError `no-service` where something is to be started that has no container.
 */
export function planOperation(operation: Operation, desired: Desired | null, actual: State): Plan {
  const own = Object.entries(actual.containers).filter(([, { identity, status }]) => identity.owner !== 'api' && identity.stack === actual.stack && status !== null).sort(byKey);
  const steps = stepsOf(operation, own, desired, actual);
  const ids = new Set(steps.map(({ id }) => id));
  const linked = steps.map((step): Step => ({ ...step, needs: [...new Set(step.needs)].filter((need) => ids.has(need)) }));
  return { steps: inOrder(linked, ({ id }) => id, ({ needs }) => needs), notes: [], wakeAt: null };
}

function stepsOf(operation: Operation, own: readonly Found[], desired: Desired | null, actual: State): readonly Step[] {
  const why = `${operation.verb} was asked for`;
  const replicas = own.filter(([, { identity }]) => identity.owner === 'stack');
  const chosen = replicas.filter(([, { identity }]) => isMeant(identity.service, operation.services));
  const running = chosen.filter(([, { status }]) => status?.phase === 'running');
  switch (operation.verb) {
    case 'start':
    case 'restart': return startSteps(operation, replicas, desired, actual, why);
    case 'stop': return stopSteps(chosen.filter(([, { status }]) => status?.phase === 'running' || (status?.restartAt ?? 0) > 0), operation.timeoutSeconds, why);
    case 'kill': return killSteps(running, operation.signal, why);
    case 'pause': return pausable(operation, running, true).map(([name]): Step => ({ id: stepId('pause-container', name), action: 'pause-container', args: { name }, needs: [], why }));
    case 'unpause': return pausable(operation, running, false).map(([name]): Step => ({ id: stepId('unpause-container', name), action: 'unpause-container', args: { name }, needs: [], why }));
    case 'remove': return removeSteps(operation, own, actual, why);
  }
}

/** Of all services, those that are not so already; one that is named and is so fails, as it does in docker compose. */
function pausable({ services }: Operation, running: readonly Found[], paused: boolean): readonly Found[] {
  return services.length > 0 ? running : running.filter(([, { status }]) => status?.paused !== paused);
}

function isMeant(service: string, services: readonly string[]): boolean {
  return services.length === 0 || services.includes(service);
}

/** What was stopped, and what waits for its restart, is held from then on. */
function stopSteps(chosen: readonly Found[], timeoutSeconds: number | null, why: string): readonly Step[] {
  const before = stopOrder(chosen.map(([name, container]) => ({ name, container })));
  return chosen.flatMap(([name, { identity, spec, status }]): Step[] => [
    ...(status !== null && status.ports.length > 0 ? [{ id: stepId('withdraw-ports', name), action: 'withdraw-ports' as const, args: { name }, needs: before(identity.service), why }] : []),
    {
      id: stepId('stop-container', name), action: 'stop-container', needs: [stepId('withdraw-ports', name), ...before(identity.service)], why,
      args: { name, signal: spec.stopSignal, graceMs: timeoutSeconds === null ? spec.stopGracePeriodMs : timeoutSeconds * 1000 },
    },
  ]);
}

/** SIGKILL is a person's stop, and held; any other signal is the container's own affair. */
function killSteps(running: readonly Found[], signal: string, why: string): readonly Step[] {
  if (!/^(SIG)?KILL$|^9$/i.test(signal)) return running.map(([name]): Step => ({ id: stepId('signal-container', name), action: 'signal-container', args: { name, signal }, needs: [], why }));
  return running.map(([name]): Step => ({ id: stepId('stop-container', name), action: 'stop-container', args: { name, signal: 'SIGKILL', graceMs: 0 }, needs: [], why }));
}

function removeSteps(operation: Operation, own: readonly Found[], actual: State, why: string): readonly Step[] {
  const leaving = own.filter(([, { identity, status }]) => (identity.owner === 'stack' || operation.oneOffs) && isMeant(identity.service, operation.services) && (operation.stop || status?.phase !== 'running'));
  const fates: Fates = { wanted: new Map(), leaving: new Map(leaving.map(([name]) => [name, why])), notes: [], wakeAt: null };
  const steps = leavingSteps(fates, nothingDesired(actual.stack, false, operation.timeoutSeconds), actual, () => [])
    .map((step): Step => (step.action === 'remove-container' && operation.volumes !== 'none' ? { ...step, args: { ...step.args, volumes: true } } : step));
  if (operation.volumes !== 'named') return steps;
  const volumes = [...new Set(leaving.flatMap(([, container]) => volumesOf(container)))].sort().filter((volume) =>
    actual.volumes[volume]?.stack === actual.stack && users(actual, volume, volumesOf).every(([name]) => fates.leaving.has(name)));
  return [...steps, ...volumes.map((name): Step => ({
    id: stepId('remove-volume', name), action: 'remove-volume', args: { name }, needs: users(actual, name, volumesOf).map(([user]) => stepId('remove-container', user)), why,
  }))];
}

/** Each start after what it depends on, as the file says; a restart after the restarts of what it depends on. */
function startSteps(operation: Operation, replicas: readonly Found[], desired: Desired | null, actual: State, why: string): readonly Step[] {
  const dependencies = new Map(replicas.map(([, container]) => [container.identity.service, desired?.services[container.identity.service]?.dependsOn ?? labelled(container)]));
  const services = operation.verb === 'start' ? withDependencies(operation, dependencies, desired) : withDependents(operation, dependencies);
  if (operation.verb === 'start') refuseMissing(services, replicas, desired);
  const chosen = replicas.filter(([, { identity }]) => services.has(identity.service));
  const needs = (service: string): Readonly<Record<string, Dependency>> => Object.fromEntries(Object.entries(dependencies.get(service) ?? {}).filter(([needed]) => services.has(needed)));
  const wanted = chosen.map(([name, { identity, spec }]): Wanted => ({ name, owner: identity.owner, service: identity.service, slot: identity.slot, spec: operation.verb === 'restart' ? { ...spec, preStart: [] } : spec, dependsOn: needs(identity.service) }));
  const ordered = inOrder([...services], (service) => service, (service) => Object.keys(needs(service)).sort()).flatMap((service) => wanted.filter((one) => one.service === service));
  const fates = new Map(chosen.map(([name, container]): [string, Fate] => [name, { kind: kindOf(operation, container), why, replaces: null, generation: container.identity.generation, successor: null, inPlace: [] }]));
  const rollouts = { fates: { wanted: fates, leaving: new Map(), notes: [], wakeAt: null }, updates: [], apart: new Set<string>() };
  return wantedSteps(ordered, rollouts, new Map(), nothingDesired(actual.stack, false, operation.timeoutSeconds), actual).steps;
}

function kindOf({ verb }: Operation, { status }: Container): Fate['kind'] {
  if (status?.phase !== 'running') return 'start';
  if (verb === 'restart') return 'restart';
  return status.paused ? 'unpause' : 'settled';
}

function withDependencies(operation: Operation, dependencies: ReadonlyMap<string, Readonly<Record<string, Dependency>>>, desired: Desired | null): ReadonlySet<string> {
  if (operation.services.length === 0) return new Set([...Object.entries(desired?.services ?? {}).flatMap(([name, { replicas }]) => (replicas > 0 ? [name] : [])), ...dependencies.keys()].sort());
  const services = new Set<string>();
  const take = (service: string): void => {
    if (services.has(service)) return;
    services.add(service);
    if (operation.dependencies) for (const [needed, { required }] of Object.entries(dependencies.get(service) ?? {})) if (required || dependencies.has(needed)) take(needed);
  };
  operation.services.forEach(take);
  return services;
}

function withDependents(operation: Operation, dependencies: ReadonlyMap<string, Readonly<Record<string, Dependency>>>): ReadonlySet<string> {
  const services = new Set(operation.services.length === 0 ? dependencies.keys() : operation.services);
  for (let grew = operation.dependencies; grew;) {
    grew = false;
    for (const [service, needed] of dependencies) {
      if (services.has(service) || !Object.entries(needed).some(([name, { restart }]) => restart && services.has(name))) continue;
      services.add(service);
      grew = true;
    }
  }
  return services;
}

function refuseMissing(services: ReadonlySet<string>, replicas: readonly Found[], desired: Desired | null): void {
  if (services.size === 0) throw new BayplanError('no-service', 'the stack has no container to start: `up` makes them');
  for (const service of services) {
    const wanted = desired?.services[service];
    if (replicas.some(([, { identity }]) => identity.service === service) || wanted?.replicas === 0 || (wanted?.job ?? null) !== null) continue;
    throw new BayplanError('no-service', `service "${service}" has no container to start: \`up ${service}\` makes one`);
  }
}

/** What a container was made with, where nobody desires its service any more: `service:condition:restart,…`. */
function labelled(container: Container): Readonly<Record<string, Dependency>> {
  return Object.fromEntries(dependenciesOf(container).map(({ service, condition, restart }) => [service, { condition, restart, required: false }]));
}
