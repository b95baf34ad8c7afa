import type { Container } from '../state/container.ts';
import type { Step } from '../state/plan.ts';
import type { Dependency } from '../state/service.ts';
import type { Desired, State } from '../state/state.ts';
import type { Fates } from './fates.ts';
import { groupBy } from './group-by.ts';
import { inOrder } from './in-order.ts';
import { stepId } from './step-id.ts';

/**
 * Takes containers away: ports first, then the process, then the rest, and dependents stop before what they depend on. Where others of its service stay, who is with a container is served to the end, or for as long
 * as it has to stop: new connections have somewhere to go meanwhile. `firstNeeds` are what a
 * container's going has to wait for: an image that is not there must not cost the container that runs.
 */
export function leavingSteps(fates: Fates, desired: Desired, actual: State, firstNeeds: (name: string) => readonly string[]): readonly Step[] {
  const leaving = [...fates.leaving].flatMap(([name, why]) => {
    const container = actual.containers[name];
    return container === undefined ? [] : [{ name, why, container }];
  });
  const stopsBefore = stopOrder(leaving);
  const staying = new Set(Object.entries(actual.containers).flatMap(([name, { identity, status }]) => (identity.stack === actual.stack && identity.owner === 'stack' && status?.phase === 'running' && !fates.leaving.has(name) ? [identity.service] : [])));
  return leaving.flatMap(({ name, why, container: { identity, spec, status } }): Step[] => {
    const withdraw = stepId('withdraw-ports', name);
    const drain = stepId('drain-container', name);
    const stop = stepId('stop-container', name);
    const graceMs = desired.stopTimeoutSeconds === null ? spec.stopGracePeriodMs : desired.stopTimeoutSeconds * 1000;
    const first = firstNeeds(name);
    return [
      ...(status !== null && status.ports.length > 0 ? [{ id: withdraw, action: 'withdraw-ports' as const, args: { name }, needs: first, why }] : []),
      ...(status?.phase === 'running' && !status.paused && graceMs > 0 && identity.owner === 'stack' && staying.has(identity.service) ? [{ id: drain, action: 'drain-container' as const, args: { name, atMostMs: graceMs }, needs: [...first, withdraw], why }] : []),
      ...(status?.phase === 'running'
        ? [{ id: stop, action: 'stop-container' as const, args: { name, signal: spec.stopSignal, graceMs }, needs: [...first, withdraw, drain, ...stopsBefore(identity.service)], why }] : []),
      { id: stepId('remove-container', name), action: 'remove-container', args: { name, ...(identity.owner === 'hook' ? { volumes: true } : {}) }, needs: [...first, withdraw, stop], why },
    ];
  });
}

/**
 * Which stops have to come before those of a service. Read from what the containers were made with (label com.docker.compose.depends_on,
 * `service:condition:restart,…`): the stack file may say otherwise by now, or nothing.
 */
export function stopOrder(leaving: readonly { readonly name: string; readonly container: Container }[]): (service: string) => readonly string[] {
  const members = groupBy(leaving, ({ container }) => container.identity.service);
  const dependencies = new Map([...members].map(([service, some]) => [service, [...new Set(some.flatMap(({ container }) => dependenciesOf(container)).map((dependency) => dependency.service))].sort()]));
  const rank = new Map(inOrder([...members.keys()], (service) => service, (service) => dependencies.get(service) ?? []).map((service, index) => [service, index]));
  const dependents = new Map<string, string[]>();
  for (const [service, needed] of dependencies) {
    for (const dependency of needed) {
      // Containers of different ages may say that each depends on the other: then one of the two is passed over.
      if ((rank.get(dependency) ?? 0) >= (rank.get(service) ?? 0)) continue;
      dependents.set(dependency, [...(dependents.get(dependency) ?? []), service]);
    }
  }
  const stops = new Map<string, readonly string[]>();
  // A dependent that does not run any more passes on the order of its own dependents.
  const stopsOf = (service: string): readonly string[] => {
    const known = stops.get(service);
    if (known !== undefined) return known;
    const running = (members.get(service) ?? []).filter(({ container }) => container.status?.phase === 'running').map(({ name }) => stepId('stop-container', name));
    const result = running.length > 0 ? running : before(service);
    stops.set(service, result);
    return result;
  };
  const before = (service: string): readonly string[] => [...new Set((dependents.get(service) ?? []).flatMap(stopsOf))];
  return before;
}

/** What the label com.docker.compose.depends_on says; a condition or restart that it does not say is the usual one. */
export function dependenciesOf({ spec }: Container): readonly { readonly service: string; readonly condition: Dependency['condition']; readonly restart: boolean }[] {
  const label = spec.labels['com.docker.compose.depends_on'] ?? '';
  return label.split(',').flatMap((part) => {
    const [service = '', condition, restart] = part.split(':');
    if (service === '') return [];
    const known = condition === 'service_healthy' || condition === 'service_completed_successfully' ? condition : 'service_started';
    return [{ service, condition: known, restart: restart === 'true' }];
  });
}
