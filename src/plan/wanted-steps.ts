import type { Container, PublishedPort } from '../state/container.ts';
import { imagesUsedBy } from '../state/images-used.ts';
import type { Step } from '../state/plan.ts';
import type { Dependency } from '../state/service.ts';
import type { Desired, State } from '../state/state.ts';
import { byKey, type Wanted } from './expand.ts';
import { completed, type Fate, type Fates } from './fates.ts';
import { groupBy } from './group-by.ts';
import { portText } from './port-text.ts';
import { networksOf, volumesOf } from './resources.ts';
import { stepId } from './step-id.ts';

/** Makes, starts and publishes what is wanted, each start after what it depends on. May name needs that are not in the plan. */
export function wantedSteps(wanted: readonly Wanted[], fates: Fates, pulls: ReadonlyMap<string, string>, desired: Desired, actual: State): readonly Step[] {
  const byService = groupBy(wanted, ({ service }) => service);
  const waits = new Map<string, Step>();
  const portHolders = groupBy([...fates.leaving.keys()].flatMap((name) => (actual.containers[name]?.status?.ports ?? []).map((port) => ({ name, port }))), ({ port }) => hostPort(port));

  const ready = (one: Wanted): readonly string[] => Object.entries(one.dependsOn).sort(byKey)
    .flatMap(([service, dependency]) => (byService.get(service) ?? []).flatMap((replica) => readiness(one, replica, dependency)));

  const readiness = (dependent: Wanted, { name }: Wanted, { condition }: Dependency): readonly string[] => {
    const started = [stepId('start-container', name), stepId('unpause-container', name), stepId('publish-ports', name)];
    if (condition === 'service_started') return started;
    const until = condition === 'service_healthy' ? 'healthy' : 'completed';
    if (fates.wanted.get(name)?.kind === 'settled' && isAlready(actual.containers[name], until)) return [];
    const id = `${stepId('wait-container', name)} ${until}`;
    if (!waits.has(id)) {
      const why = `service ${dependent.service} depends on it`;
      waits.set(id, { id, action: 'wait-container', args: { name, until }, needs: started, why });
    }
    return [id];
  };

  const stepsOf = (one: Wanted): readonly Step[] => {
    const { name, spec } = one;
    const fate = fates.wanted.get(name);
    if (fate === undefined) return [];
    const container = actual.containers[name];
    const { why } = fate;
    const steps: Step[] = [];
    const starts = fate.kind !== 'settled' && fate.kind !== 'unpause' && !desired.unstarted.includes(name);
    const conditions = starts ? ready(one) : [];
    const waitsOfIt = conditions.flatMap((id) => waits.get(id) ?? []);
    const networks = networksOf(one).map((network) => stepId('create-network', network));
    if (fate.kind === 'unpause' && !desired.unstarted.includes(name)) steps.push({ id: stepId('unpause-container', name), action: 'unpause-container', args: { name }, needs: [], why });
    if (fate.kind === 'create') steps.push(creation(one, fate, pulls, desired, networks));
    if (fate.kind === 'restart' && starts) {
      // Its dependencies first: should one of them fail, this one at least runs on. Not where it lives in the network of one that is made anew.
      const home = wanted.find((other) => other.name === homeOf(one) && fates.wanted.get(other.name)?.kind === 'create');
      const needs = home === undefined ? [...networks, ...conditions] : [stepId('pull-image', home.spec.image)];
      if ((container?.status?.ports.length ?? 0) > 0) steps.push({ id: stepId('withdraw-ports', name), action: 'withdraw-ports', args: { name }, needs, why });
      const graceMs = desired.stopTimeoutSeconds === null ? spec.stopGracePeriodMs : desired.stopTimeoutSeconds * 1000;
      steps.push({ id: stepId('stop-container', name), action: 'stop-container', args: { name, signal: spec.stopSignal, graceMs }, needs: [...needs, stepId('withdraw-ports', name)], why });
    }
    steps.push(...waitsOfIt);
    if (starts) {
      const needs = [stepId('create-container', name), stepId('stop-container', name), ...networks, ...conditions];
      steps.push({ id: stepId('start-container', name), action: 'start-container', args: { name }, needs, why });
    }
    const missing = isOnBridge(one, desired, actual) ? missingPorts(one, starts ? undefined : container) : [];
    if (missing.length > 0 && (starts || container?.status?.phase === 'running')) {
      const holders = missing.flatMap((port) => portHolders.get(hostPort(port)) ?? []).map((holder) => stepId('withdraw-ports', holder.name));
      steps.push({
        id: stepId('publish-ports', name), action: 'publish-ports', args: { name },
        needs: [stepId('start-container', name), ...holders], why: starts ? why : `${missing.map(portText).join(', ')} is not published`,
      });
    } else if (!starts && container?.status?.phase !== 'running' && (container?.status?.ports.length ?? 0) > 0) {
      steps.push({ id: stepId('withdraw-ports', name), action: 'withdraw-ports', args: { name }, needs: [], why: `${name} does not run` });
    }
    return steps;
  };
  return wanted.flatMap(stepsOf);
}

/** The container whose network namespace it shares, by name; null: it has one of its own. */
export function homeOf({ spec: { networkMode } }: Wanted): string | null {
  return networkMode.startsWith('container:') ? networkMode.slice('container:'.length) : null;
}

function creation({ name, owner, service, slot, spec: known }: Wanted, fate: Fate, pulls: ReadonlyMap<string, string>, desired: Desired, networks: readonly string[]): Step {
  const spec = pulls.has(known.image) ? { ...known, imageId: '' } : known; // of what the name stands for then
  return {
    id: stepId('create-container', name), action: 'create-container',
    args: { name, identity: { owner, stack: owner === 'api' ? '' : desired.stack, service, slot, generation: fate.generation }, spec },
    needs: [
      ...imagesUsedBy(spec).map((image) => stepId('pull-image', image)), ...networks, ...volumesOf({ spec, status: null }).map((volume) => stepId('create-volume', volume)),
      stepId('remove-container', name), ...(fate.replaces === null ? [] : [stepId('remove-container', fate.replaces)]),
    ],
    why: fate.why,
  };
}

function isAlready(container: Container | undefined, until: 'healthy' | 'completed'): boolean {
  const status = container?.status;
  if (status === null || status === undefined) return false;
  return until === 'completed' ? completed(status) : status.phase === 'running' && status.health === 'healthy';
}

/** Whether the container has an address that ports could lead to: what is on a macvlan or ipvlan network alone is reached there. */
function isOnBridge(one: Wanted, desired: Desired, actual: State): boolean {
  return networksOf(one).some((network) => (actual.networks[network] ?? desired.networks[network])?.spec.driver === 'bridge');
}

/** Ports that do not lead to the container yet. */
function missingPorts(one: Wanted, container: Container | undefined): readonly PublishedPort[] {
  const there = container?.status?.ports ?? [];
  return one.spec.ports.filter((port) => !there.some((found) =>
    found.hostIp === port.hostIp && found.target === port.target && found.protocol === port.protocol && isOneOf(port, found.published)));
}

/** Whether a host port is the one that was asked for, or of its range. */
function isOneOf({ published, publishedLast }: PublishedPort, found: number | null): boolean {
  if (published === null || found === null) return published === null;
  return published <= found && found <= (publishedLast ?? published);
}

/** Addresses may overlap ('' is all of them), so a port's holder is looked for by number alone. */
function hostPort({ published, protocol }: PublishedPort): string {
  return `${published ?? ''}/${protocol}`;
}
