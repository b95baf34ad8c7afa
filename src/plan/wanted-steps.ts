import type { Container, PublishedPort } from '../state/container.ts';
import { hostIpsOverlap } from '../state/host-ip.ts';
import { imagesUsedBy } from '../state/images-used.ts';
import type { Step } from '../state/plan.ts';
import type { Dependency } from '../state/service.ts';
import type { Desired, State } from '../state/state.ts';
import { byKey, type Wanted } from './expand.ts';
import { completed, type Fate, type Fates } from './fates.ts';
import { groupBy } from './group-by.ts';
import { homeOf } from './home-of.ts';
import { inPlaceSteps } from './in-place-steps.ts';
import { portText } from './port-text.ts';
import { preStartSteps, type PreStartSteps, type Starting } from './pre-start.ts';
import { networksOf, volumesOf } from './resources.ts';
import { comesAs, rollingSteps, type Surroundings } from './rolling-steps.ts';
import type { Rollouts } from './rollouts.ts';
import { staleVerdicts } from './stale-verdicts.ts';
import { stepId } from './step-id.ts';

export interface WantedSteps { readonly steps: readonly Step[]; /** Steps that try a new container out. */ readonly trials: readonly string[] }

/** Changes, makes, starts and publishes what is wanted, each start after what it depends on, and carries out the rolling updates. May name needs that are not in the plan. */
export function wantedSteps(wanted: readonly Wanted[], { fates, updates, apart }: Pick<Rollouts, 'fates' | 'updates' | 'apart'>, pulls: ReadonlyMap<string, string>, desired: Desired, actual: State): WantedSteps {
  const byService = groupBy(wanted, ({ service }) => service);
  const waits = new Map<string, Step>();
  const handedOver = portsHandedOver(wanted, fates, actual);
  const portHolders = groupBy([...fates.leaving.keys(), ...apart, ...handedOver].flatMap((name) => (actual.containers[name]?.status?.ports ?? []).map((port) => ({ name, port }))), ({ port }) => numberOf(port));
  const holdersOf = (ports: readonly PublishedPort[], service: string): readonly string[] => ports.flatMap((wantedPort) => (portHolders.get(numberOf(wantedPort)) ?? []).filter(({ name, port }) =>
    apart.has(name) ? isInTheWay(port, actual.containers[name]?.identity.service ?? '', wantedPort, service) : overlaps(port, wantedPort))).map(({ name }) => stepId('withdraw-ports', name));
  const stale = staleVerdicts(wanted, { fates, updates }, actual);
  /** The last step of the update of each container that is replaced in its turn, by its name. */
  const ends = new Map<string, string>();

  const ready = (one: Wanted): readonly string[] => Object.entries(one.dependsOn).sort(byKey)
    .flatMap(([service, dependency]) => (byService.get(service) ?? []).flatMap((replica) => readiness(one, replica, dependency)));

  const readiness = (dependent: Wanted, { name }: Wanted, { condition, required }: Dependency): readonly string[] => {
    const end = ends.get(name);
    if (end !== undefined) return [end];
    const started = [stepId('start-container', name), stepId('unpause-container', name), stepId('update-container', name), stepId('probe-container', name), stepId('publish-ports', name)];
    if (condition === 'service_started') return started;
    const until = condition === 'service_healthy' ? 'healthy' : 'completed';
    if (fates.wanted.get(name)?.kind === 'settled' && isAlready(actual.containers[name], until)) return [];
    const id = `${stepId('wait-container', name)} ${until}${required ? '' : ' optional'}`;
    if (!waits.has(id)) {
      const why = `service ${dependent.service} depends on it`;
      waits.set(id, { id, action: 'wait-container', args: { name, until, ...(required ? {} : { optional: true }) }, needs: started, why });
    }
    return [id];
  };

  const isStarted = ({ name }: Wanted): boolean => {
    const kind = fates.wanted.get(name)?.kind;
    return (kind === 'create' || kind === 'start' || kind === 'restart') && !desired.unstarted.includes(name);
  };
  /** The hooks before the start of a service, by its name; made when they are asked for, as what they wait for may be updated in the same plan. */
  const preStarts = new Map<string, PreStartSteps>();
  const preStartOf = (service: string): PreStartSteps => {
    const known = preStarts.get(service);
    if (known !== undefined) return known;
    const members = byService.get(service) ?? [];
    if (service === '' || members.every(({ spec }) => spec.preStart.length === 0)) return NO_HOOKS;
    const turns = new Map(updates.filter((update) => update.service === service).flatMap(({ batches }) => batches.flat()).map((turn) => [turn.one, turn]));
    // In the order of their turns: what comes later waits for what comes first, also where that is started as others are.
    const starting = [...turns.keys(), ...members.filter((one) => !turns.has(one))].flatMap((one): readonly Starting[] => {
      const turn = turns.get(one);
      if (turn !== undefined && turn.old !== null) return turn.fate.successor === null ? [{ one, container: comesAs(turn), generation: turn.fate.generation, made: false }] : [];
      const { generation = 1, kind } = fates.wanted.get(one.name) ?? {};
      return isStarted(one) && kind !== 'restart' ? [{ one, container: one.name, generation, made: kind !== 'create' }] : [];
    });
    const [first] = starting;
    const made = first === undefined ? NO_HOOKS : preStartSteps(starting, starting.length === members.length, ready(first.one), desired.stack, actual, fates.leaving);
    preStarts.set(service, made);
    return made;
  };

  const stepsOf = (one: Wanted): readonly Step[] => {
    const { name, spec } = one;
    const fate = fates.wanted.get(name);
    if (fate === undefined) return [];
    const container = actual.containers[fate.successor ?? name];
    const { why } = fate;
    const steps: Step[] = [];
    const changes = container === undefined ? [] : inPlaceSteps(one, container, fate.inPlace);
    const changed = changes.map(({ id }) => id);
    if (fate.successor !== null && fate.kind !== 'create') {
      const rename = stepId('rename-container', fate.successor);
      steps.push({ id: rename, action: 'rename-container', args: { name: fate.successor, to: name }, needs: [], why: 'it has taken the place of the one before it' });
      changed.push(rename);
    }
    steps.push(...changes);
    const starts = isStarted(one);
    const verdict = stale.get(name);
    const conditions = starts || verdict !== undefined ? ready(one) : [];
    const waitsOfIt = conditions.flatMap((id) => waits.get(id) ?? []);
    const networks = networksOf(one).map((network) => stepId('create-network', network));
    if (fate.kind === 'unpause' && !desired.unstarted.includes(name)) steps.push({ id: stepId('unpause-container', name), action: 'unpause-container', args: { name }, needs: changed, why });
    if (fate.kind === 'create') steps.push(creation(one, fate, name, networks, pulls, desired));
    if (fate.kind === 'restart' && starts) {
      // Its dependencies first: should one of them fail, this one at least runs on. Not where it lives in the network of one that is made anew.
      const home = wanted.find((other) => other.name === homeOf(one) && fates.wanted.get(other.name)?.kind === 'create');
      const needs = home === undefined ? [...networks, ...conditions] : [stepId('pull-image', home.spec.image)];
      if ((container?.status?.ports.length ?? 0) > 0) steps.push({ id: stepId('withdraw-ports', name), action: 'withdraw-ports', args: { name }, needs, why });
      const graceMs = desired.stopTimeoutSeconds === null ? spec.stopGracePeriodMs : desired.stopTimeoutSeconds * 1000;
      steps.push({ id: stepId('stop-container', name), action: 'stop-container', args: { name, signal: spec.stopSignal, graceMs }, needs: [...needs, stepId('withdraw-ports', name)], why });
    }
    steps.push(...waitsOfIt);
    if (verdict !== undefined) steps.push({ id: stepId('probe-container', name), action: 'probe-container', args: { name }, needs: [...changed, ...conditions], why: verdict });
    if (starts) {
      const needs = [stepId('create-container', name), stepId('stop-container', name), ...changed, ...networks, ...conditions, ...(preStartOf(one.service).gates.get(name) ?? [])];
      steps.push({ id: stepId('start-container', name), action: 'start-container', args: { name }, needs, why });
    }
    const missing = isOnBridge(one, desired, actual) ? missingPorts(one, starts ? undefined : container) : [];
    const surplus = starts || missing.length > 0 ? [] : surplusPorts(one, container);
    const moved = !starts && changes.some(({ action }) => action === 'connect-network' || action === 'disconnect-network') && (container?.status?.ports.length ?? 0) > 0;
    const withdraw = stepId('withdraw-ports', name);
    if (handedOver.includes(name)) steps.push({ id: withdraw, action: 'withdraw-ports', args: { name }, needs: changed, why: 'another container gets a port of it, or it has it at other addresses' });
    if ((missing.length > 0 || surplus.length > 0 || moved) && (starts || container?.status?.phase === 'running')) {
      steps.push({
        id: stepId('publish-ports', name), action: 'publish-ports', args: { name }, needs: [stepId('start-container', name), ...changed, ...(handedOver.includes(name) ? [withdraw] : []), ...holdersOf(missing, one.service)],
        why: starts ? why : missing.length > 0 ? `${missing.map(portText).join(', ')} is not published` : surplus.length > 0 ? `${surplus.map(portText).join(', ')} is published otherwise` : 'its networks change',
      });
    } else if (!starts && container?.status?.phase !== 'running' && (container?.status?.ports.length ?? 0) > 0) {
      steps.push({ id: stepId('withdraw-ports', name), action: 'withdraw-ports', args: { name }, needs: [], why: `${name} does not run` });
    }
    return steps;
  };
  const isPublished = (one: Wanted): boolean => isOnBridge(one, desired, actual);
  const around: Surroundings = {
    creation: (one, fate, name, needs) => creation(one, fate, name, [...networksOf(one).map((network) => stepId('create-network', network)), ...needs], pulls, desired),
    conditions: (one) => {
      const needs = ready(one);
      return { needs, waits: needs.flatMap((id) => waits.get(id) ?? []) };
    },
    gate: ({ service }, container) => preStartOf(service).gates.get(container) ?? [],
    holders: holdersOf, published: isPublished,
    // At once: who is to get the port may be what the container that takes this one's place depends on.
    yields: (name) => (actual.containers[name]?.status?.ports ?? []).some((port) => isWantedBeside(port, actual.containers[name]?.identity.service ?? '', wanted)),
  };
  const rolled = updates.map((update) => { // services come after what they depend on
    const made = rollingSteps(update, desired, actual, around);
    for (const [name, end] of made.ends) ends.set(name, end);
    return made;
  });
  return { steps: [...rolled.flatMap(({ steps }) => steps), ...wanted.flatMap(stepsOf), ...[...preStarts.values()].flatMap((made) => made.steps)], trials: rolled.flatMap(({ trials }) => trials) };
}

const NO_HOOKS: PreStartSteps = { steps: [], gates: new Map() };

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

function isAlready(container: Container | undefined, until: 'healthy' | 'completed'): boolean {
  const status = container?.status;
  if (status === null || status === undefined) return false;
  return until === 'completed' ? completed(status) : status.phase === 'running' && status.health === 'healthy';
}

/** Whether the container has an address that ports could lead to: what is on a macvlan or ipvlan network alone is reached there, and what is on internal ones alone is not from outside. */
function isOnBridge(one: Wanted, desired: Desired, actual: State): boolean {
  return networksOf(one).some((network) => {
    const wanted = desired.networks[network];
    const spec = (wanted?.spec.external === false ? wanted : actual.networks[network] ?? wanted)?.spec;
    return spec?.driver === 'bridge' && !spec.internal;
  });
}

/** Ports that do not lead to the container yet. */
function missingPorts(one: Wanted, container: Container | undefined): readonly PublishedPort[] {
  const there = container?.status?.ports ?? [];
  return one.spec.ports.filter((port) => !there.some((found) =>
    found.hostIp === port.hostIp && found.target === port.target && found.protocol === port.protocol && isOneOf(port, found.published)));
}

/** Whether another service than the one that has a port is to have it, or the same one at another address. */
function isWantedBeside(port: PublishedPort, holder: string, wanted: readonly Wanted[]): boolean {
  return wanted.some((one) => one.spec.ports.some((other) => isInTheWay(port, holder, other, one.service)));
}

/** Replicas of a service have a port together, but for one at addresses that merely overlap. */
function isInTheWay(held: PublishedPort, holder: string, wanted: PublishedPort, service: string): boolean {
  return overlaps(held, wanted) && (holder !== service || held.hostIp !== wanted.hostIp);
}

/** Containers that stay, and lose a port that another one of the stack is to get, or they themselves at other addresses: it is free only once they have let it go. */
function portsHandedOver(wanted: readonly Wanted[], fates: Fates, actual: State): readonly string[] {
  return wanted.filter((one) => fates.wanted.get(one.name)?.kind === 'settled' && surplusPorts(one, actual.containers[one.name]).some((port) => isWantedBeside(port, one.service, wanted))).map(({ name }) => name);
}

/** Ports that lead to the container and should not, or not for the same networks. */
function surplusPorts(one: Wanted, container: Container | undefined): readonly PublishedPort[] {
  return (container?.status?.ports ?? []).filter((found) => !one.spec.ports.some((port) =>
    found.hostIp === port.hostIp && found.target === port.target && found.protocol === port.protocol && isOneOf(port, found.published) && String([...found.allow].sort()) === String([...port.allow].sort())));
}

/** Whether a host port is the one that was asked for, or of its range. */
function isOneOf({ published, publishedLast }: PublishedPort, found: number | null): boolean {
  if (published === null || found === null) return published === null;
  return published <= found && found <= (publishedLast ?? published);
}

function numberOf({ published, protocol }: PublishedPort): string {
  return `${published ?? ''}/${protocol}`;
}

/** Whether only one container can have both. */
function overlaps(one: PublishedPort, other: PublishedPort): boolean {
  return numberOf(one) === numberOf(other) && hostIpsOverlap(one.hostIp, other.hostIp);
}
