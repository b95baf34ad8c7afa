import { BayplanError } from '../state/bayplan-error.ts';
import type { Container, ContainerSpec, ContainerStatus, Identity } from '../state/container.ts';
import { isInterrupted } from '../state/drift.ts';
import type { PassOptions } from '../state/pass-options.ts';
import type { Desired, State } from '../state/state.ts';
import { type Difference, differences } from './diff.ts';
import { byKey, type Wanted } from './expand.ts';
import { groupBy } from './group-by.ts';
import { gone, isInactive, networksOf, type ResourceFates } from './resources.ts';
import { type Named, slotOf } from './slots.ts';

/**
 * What becomes of a wanted container. `settled`: it is as it should be, or its restart policy is at it. `restart`: stopped and started
 * again, as it is. `unpause`: let go on, which a person had frozen. `create`: made anew; `replaces` names the container whose place it takes.
 */
export interface Fate {
  readonly kind: 'settled' | 'start' | 'restart' | 'unpause' | 'create';
  readonly why: string;
  readonly replaces: string | null;
  readonly generation: number;
  /** The container that is there already to take the place, below its interim name, or one that somebody gave; where nothing is replaced it has only to be given the wanted one. */
  readonly successor: string | null;
  /** What changes while it stays. */
  readonly inPlace: readonly Difference[];
}

export interface Fates {
  /** By the wanted container's name. */
  readonly wanted: ReadonlyMap<string, Fate>;
  /** Containers that go, by name: why. */
  readonly leaving: ReadonlyMap<string, string>;
  readonly notes: readonly string[];
  readonly wakeAt: number | null;
}

/** When and how the deciding is done. `since`: what was started after it and has ended has had its start, and what was made after it is new: another would be a loop. */
export interface Occasion { readonly now: number; readonly since: number; readonly options: PassOptions }

/** Decides for each container, wanted or there. */
export function fatesOf(wanted: readonly Wanted[], desired: Desired, actual: State, networks: ResourceFates, occasion: Occasion): Fates {
  const { now, since, options } = occasion;
  const fates = new Map<string, Fate>();
  const leaving = new Map<string, string>();
  const kept = new Set<string>(options.left);
  const notes: string[] = [];
  const wakes: number[] = [];
  const own = Object.entries(actual.containers).filter(([, { identity }]) => isOwn(identity, desired)).sort(byKey);
  const places = groupBy(own.filter(([, { identity }]) => identity.owner === 'stack'), ([, { identity }]) => placeOf(identity));

  for (const one of wanted) {
    const occupant = actual.containers[one.name];
    if (occupant !== undefined && one.owner === 'stack' && !isOwn(occupant.identity, desired)) {
      throw new BayplanError('conflict', `the name ${one.name} is taken by a container that is not of stack ${desired.stack}: remove that, or change "container_name"`);
    }
    const slot = slotOf(one, places.get(placeOf(one)) ?? [], occupant);
    const usable = slot.successor !== null && isUsable(one, slot.successor, networks) ? slot.successor : null;
    const found = slot.holder ?? usable ?? slot.successor;
    if (one.owner === 'stack' && options.only?.includes(one.service) === false) {
      for (const each of [slot.holder, slot.successor]) if (each !== null) kept.add(each[0]);
      if (found?.[0] === one.name) fates.set(one.name, { ...STAYS, generation: found[1].identity.generation });
      continue;
    }
    if (found === null) {
      const why = one.service === '' ? `container ${one.name} does not exist` : `service ${one.service} has no container ${one.slot}`;
      fates.set(one.name, { ...STAYS, kind: 'create', why, generation: 1 });
      continue;
    }
    const [name, container] = found;
    const isSuccessor = found === usable;
    const changes = isSuccessor ? [] : forRuntime(container, differences(withoutJoined(container, one.spec), one.spec));
    const isRenamed = !isSuccessor && name !== one.name && usable === null && occupant === undefined && changes.length === 0 && canBeRenamed(one, container, networks);
    const differs = isSuccessor ? null : causeOfReplacement(one, isRenamed ? one.name : name, container, changes, networks);
    const cause = differs ?? causeOfRenewal(one, container, occasion);
    const stays = name === one.name && container.status?.phase !== 'removing' && isRecreated(one, 'never', options);
    if (stays && (cause !== null || changes.length > 0)) notes.push(`container ${name} stays as it is: ${cause ?? textOf(changes)}`);
    else if (cause !== null) {
      leaving.set(name, cause);
      if (usable !== null && !isSuccessor) kept.add(usable[0]);
      fates.set(one.name, { ...STAYS, kind: 'create', why: cause, replaces: name, generation: slot.lastGeneration + 1, successor: isSuccessor ? null : usable?.[0] ?? null });
      continue;
    }
    kept.add(name);
    for (const network of joinedBeside(container.status, one.spec)) notes.push(`container ${name} was connected to network ${network} by hand, which the file does not say: it stays until the container is made anew`);
    const ended = endOf(one, container, now, since);
    if (ended.note !== null) notes.push(ended.note);
    if (ended.wakeAt !== null) wakes.push(ended.wakeAt);
    const bridge = networksOf(one).find((network) => networks.create.has(network) && networksOf(container).includes(network)); // which went from below it
    const running = container.status?.phase === 'running';
    const again = bridge !== undefined ? networks.create.get(bridge) ?? '' : container.status?.held === true ? 'its stop was begun' : '';
    fates.set(one.name, {
      kind: ended.start !== null ? 'start' : running && again !== '' ? 'restart' : container.status?.paused === true ? 'unpause' : 'settled', why: ended.start ?? (again === '' && container.status?.paused === true ? 'it was paused' : again), replaces: null, generation: container.identity.generation,
      successor: isSuccessor || isRenamed ? name : null, inPlace: stays ? [] : changes,
    });
  }

  const taken = new Set(wanted.map(({ name }) => name));
  for (const [name, container] of own) {
    if (kept.has(name) || leaving.has(name)) continue;
    const why = causeOfLeaving(name, container, desired, taken);
    if (why !== null) leaving.set(name, why);
    else if (container.identity.owner === 'stack' && options.ignoreOrphans !== true && !isInactive(container, desired)) notes.push(`container ${name} belongs to service ${container.identity.service}, which is not in the file: --remove-orphans removes it`);
  }
  restartDependents(wanted, fates, actual, now, since);
  return { wanted: fates, leaving, notes, wakeAt: wakes.length === 0 ? null : Math.min(...wakes) };
}

/** What is so of a container that is as it should be. */
const STAYS: Omit<Fate, 'generation'> = { kind: 'settled', why: '', replaces: null, successor: null, inPlace: [] };

/** The API's containers are nobody's to touch, also where they carry a stack's name. */
function isOwn(identity: Identity, desired: Desired): boolean {
  return identity.owner !== 'api' && identity.stack === desired.stack;
}

function placeOf({ service, slot }: Pick<Identity, 'service' | 'slot'>): string {
  return `${service}/${slot}`;
}

/** Whether a container that came below its interim name can take the place: it is as wanted, and nobody takes it away. */
function isUsable(one: Wanted, [, container]: Named, networks: ResourceFates): boolean {
  return container.status !== null && container.status.phase !== 'removing' && differences(withoutJoined(container, one.spec), one.spec).length === 0
    && !networksOf(container).some((network) => networks.remove.has(network));
}

/** Whether one that somebody gave another name, and that is as wanted but for that, gets its own back as it runs: not where it is to be stopped as well, which is done below its name. */
function canBeRenamed({ owner, spec }: Wanted, { status }: Container, networks: ResourceFates): boolean {
  return owner === 'stack' && status !== null && !status.held && !Object.keys(spec.networks).some((network) => networks.create.has(network));
}

function causeOfReplacement(one: Wanted, name: string, container: Container, changes: readonly Difference[], networks: ResourceFates): string | null {
  if (container.status?.phase === 'removing') return 'its removal was begun';
  if (name !== one.name) return `the container's name: ${name} → ${one.name}`;
  if (one.owner === 'stack' && container.identity.service !== one.service) return `the name was service ${container.identity.service}'s`;
  const forcing = changes.filter(({ effect }) => effect === 'recreate');
  if (forcing.length > 0) return textOf([...forcing, ...changes.filter((change) => change.field === 'contents' && !forcing.includes(change))]); // what configs and secrets hold cannot be seen in the file
  for (const network of networksOf(one).filter((each) => networksOf(container).includes(each))) {
    const why = networks.remove.get(network);
    if (why !== undefined) return why;
  }
  return null;
}

/** What others' programs mounted they alone could replace. */
function forRuntime({ status }: Container, changes: readonly Difference[]): readonly Difference[] {
  if (status === null || status.runtime === OWN_RUNTIME) return changes;
  return changes.map((change) => (change.field === 'contents' ? { ...change, effect: 'recreate' } : change));
}

const OWN_RUNTIME = 'bayplan';

function textOf(changes: readonly Difference[]): string {
  return changes.map(({ text }) => text).join('; ');
}

/** Networks that somebody connected a container to are that person's affair, unless they are wanted too. */
function withoutJoined({ spec, status }: Container, wanted: ContainerSpec): ContainerSpec {
  const strange = joinedBeside(status, wanted);
  return strange.length === 0 ? spec : { ...spec, networks: Object.fromEntries(Object.entries(spec.networks).filter(([network]) => !strange.includes(network))) };
}

function joinedBeside(status: ContainerStatus | null, wanted: ContainerSpec): readonly string[] {
  return (status?.joined ?? []).filter((network) => !Object.hasOwn(wanted.networks, network));
}

function isRecreated({ owner, service }: Wanted, when: PassOptions['recreate'], { recreate, recreated }: PassOptions): boolean {
  return recreate === when && owner === 'stack' && (recreated === null || recreated.includes(service));
}

/** Null, or why one that is as it should be is made anew all the same. */
function causeOfRenewal(one: Wanted, { status }: Container, { since, options }: Occasion): string | null {
  return isRecreated(one, 'always', options) && (status?.createdAt ?? 0) < since ? 'a new one was asked for' : null;
}

/** Whether, and why, a container that does not run is to be started. */
function endOf(one: Wanted, { spec, status }: Container, now: number, since: number): { start: string | null; note: string | null; wakeAt: number | null } {
  const nothing = { start: null, note: null, wakeAt: null };
  if (status === null || status.phase === 'created') return { ...nothing, start: 'it was created and never started' };
  if (status.phase === 'running') return nothing;
  if (status.restartAt > 0) return { ...nothing, wakeAt: Math.max(status.restartAt, now) };
  if (isInterrupted(status) && !status.held) return { ...nothing, start: 'it was stopped to be started again' };
  if (completed(status) && !status.held && (spec.restart.policy === 'no' || spec.restart.policy === 'on-failure')) return nothing;
  const how = status.phase === 'lost' ? 'it was lost' : status.held ? 'it was stopped' : `it has ended with code ${status.exitCode}`;
  if (status.startedAt < since) return { ...nothing, start: how };
  return completed(status) ? nothing : { ...nothing, note: `container ${one.name} was started, and ${how}` };
}

/** Ended with success. */
export function completed(status: ContainerStatus): boolean {
  return status.phase === 'exited' && status.exitCode === 0;
}

function causeOfLeaving(name: string, container: Container, desired: Desired, taken: ReadonlySet<string>): string | null {
  const { identity, status } = container;
  if (status?.phase === 'removing') return 'its removal was begun';
  if (taken.has(name)) return `its name is wanted for another container`;
  if (isInactive(container, desired)) return identity.owner === 'oneoff' && status?.phase !== 'running' && desired.remove.orphans ? 'it is a one-off that has ended' : null;
  const service = desired.services[identity.service];
  if (identity.owner === 'hook' && service !== undefined) return status !== null && completed(status) ? 'it has succeeded' : null; // else it is seen to where its service starts
  if (identity.owner === 'oneoff') {
    if (service !== undefined && (status?.phase === 'running' || service.job !== null)) return null; // ended runs of a schedule are kept to be looked at
    return desired.remove.orphans ? gone(desired, `service ${identity.service}`) : null;
  }
  if (service === undefined) return desired.remove.orphans ? gone(desired, `service ${identity.service}`) : null;
  if (service.job !== null) return `service ${identity.service} runs on a schedule`;
  if (identity.slot > service.replicas) return `service ${identity.service} wants ${service.replicas} replica${service.replicas === 1 ? '' : 's'}`;
  return `another container has place ${identity.slot} of service ${identity.service}`;
}

/**
 * `restart: true` in depends_on: who was started before any container that its dependency has now is started again. Read from the times, not from
 * what this plan replaces, so that it also happens when a pass ended in between.
 */
function restartDependents(wanted: readonly Wanted[], fates: Map<string, Fate>, actual: State, now: number, since: number): void {
  const byService = groupBy(wanted, ({ service }) => service);
  for (const one of wanted) {
    const fate = fates.get(one.name);
    const status = actual.containers[one.name]?.status;
    if ((fate?.kind !== 'settled' && fate?.kind !== 'unpause') || status === null || status === undefined || status.startedAt === 0 || status.restartAt > 0) continue;
    if (status.phase !== 'running' && status.startedAt >= since) continue;
    for (const [service, { restart }] of Object.entries(one.dependsOn).sort(byKey)) {
      const replicas = byService.get(service) ?? [];
      const renewed = restart && replicas.length > 0 && replicas.every(({ name }) => {
        if (fates.get(name)?.kind === 'create') return true;
        const createdAt = actual.containers[name]?.status?.createdAt ?? 0;
        return createdAt > status.startedAt && createdAt <= now; // a clock that was set back must not restart it for ever
      });
      if (!renewed) continue;
      fates.set(one.name, { ...fate, kind: status.phase === 'running' ? 'restart' : 'start', why: `service ${service}, which it depends on, is made anew` });
      break;
    }
  }
}
