import type { Container } from '../state/container.ts';
import type { Desired, State } from '../state/state.ts';
import { describe, diffSpecs } from './diff.ts';
import type { Wanted } from './expand.ts';
import { planRemoval } from './removal.ts';
import { planStart } from './start.ts';
import type { StepList } from './step-list.ts';

export interface ContainerInputs {
  readonly desired: Desired;
  readonly actual: State;
  /** In the order of dependencies. */
  readonly wanted: readonly Wanted[];
  /** Networks that are made anew, with the cause. */
  readonly rebuilt: ReadonlyMap<string, string>;
  readonly now: number;
  readonly since: number;
}

/** What is to become of one container. */
type Fate =
  | { readonly kind: 'keep' }
  | { readonly kind: 'start' | 'create' | 'recreate'; readonly why: string }
  /** Stops and starts it: what it depends on is made anew. */
  | { readonly kind: 'restart'; readonly why: string };

/** Removals first, dependents before what they depend on; then creations, and starts as their dependencies allow. */
export function planContainers(list: StepList, inputs: ContainerInputs): void {
  const { desired, actual, wanted } = inputs;
  const fates = decide(list, inputs);
  const names = new Set(wanted.map(({ name }) => name));
  const leaving = new Map<string, string>();
  for (const { name } of wanted) {
    const fate = fates.get(name);
    if (fate?.kind === 'recreate') leaving.set(name, fate.why);
  }
  for (const [name, container] of Object.entries(actual.containers).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (names.has(name)) continue;
    const why = leavingBecause(desired, container);
    if (why !== null) leaving.set(name, why);
    else if (container.identity.owner === 'stack') list.note(`container ${name} belongs to service ${container.identity.service}, which is not in the file: --remove-orphans removes it`);
  }
  planRemoval(list, desired, actual, leaving);

  for (const one of wanted) {
    const fate = fates.get(one.name) ?? { kind: 'keep' };
    const there = actual.containers[one.name];
    if (fate.kind === 'create' || fate.kind === 'recreate') {
      const needs = [
        `remove-container ${one.name}`,
        ...Object.keys(one.spec.networks).map((network) => `create-network ${network}`),
        ...one.spec.mounts.flatMap((mount) => (mount.type === 'volume' && mount.source !== null ? [`create-volume ${mount.source}`] : [])),
      ];
      if (one.spec.imageId === '') {
        needs.push(list.add('pull-image', one.spec.image, { image: one.spec.image, pullPolicy: desired.images[one.spec.image]?.spec.pullPolicy ?? 'missing' }, [], 'it is not in the store'));
      }
      const identity = { owner: 'stack' as const, stack: desired.stack, service: one.service, slot: one.slot, generation: (there?.identity.generation ?? 0) + 1 };
      list.add('create-container', one.name, { name: one.name, identity, spec: one.spec }, needs, fate.why);
    }
    if (fate.kind === 'restart' && there !== undefined) {
      const withdraw = list.add('withdraw-ports', one.name, { name: one.name }, [], fate.why);
      list.add('stop-container', one.name, { name: one.name, signal: null, graceMs: grace(desired, there) }, [withdraw], fate.why);
    }
    if (fate.kind !== 'keep') planStart(list, inputs, one, fate.why);
    else if (there?.status?.phase === 'running' && !published(there)) {
      list.add('publish-ports', one.name, { name: one.name }, [], 'its ports are not published');
    }
  }
}

/** How long a container is given to stop. */
export function grace(desired: Desired, container: Container): number {
  return desired.stopTimeoutSeconds === null ? container.spec.stopGracePeriodMs : desired.stopTimeoutSeconds * 1000;
}

function decide(list: StepList, inputs: ContainerInputs): ReadonlyMap<string, Fate> {
  const fates = new Map<string, Fate>();
  const recreated = new Set<string>();
  for (const one of inputs.wanted) {
    const fate = fateOf(list, inputs, one, recreated);
    fates.set(one.name, fate);
    if (fate.kind === 'recreate') recreated.add(one.service);
  }
  return fates;
}

function fateOf(list: StepList, { actual, rebuilt, since }: ContainerInputs, one: Wanted, recreated: ReadonlySet<string>): Fate {
  const there = actual.containers[one.name];
  const status = there?.status;
  if (there === undefined || status === null || status === undefined) return { kind: 'create', why: `service ${one.service} has no container ${one.slot}` };
  if (status.phase === 'removing') return { kind: 'recreate', why: 'its removal was begun' };
  if (there.identity.service !== one.service || there.identity.owner !== 'stack') return { kind: 'recreate', why: `the name was that of ${there.identity.service === '' ? 'another container' : `service ${there.identity.service}`}` };
  const differences = diffSpecs(one.spec, there.spec);
  if (differences.length > 0) return { kind: 'recreate', why: describe(differences) };
  for (const network of Object.keys(one.spec.networks)) {
    const cause = rebuilt.get(network);
    if (cause !== undefined) return { kind: 'recreate', why: cause };
  }
  if (status.phase === 'running') {
    const cause = Object.entries(one.dependsOn).find(([service, dependency]) => dependency.restart && recreated.has(service));
    return cause === undefined ? { kind: 'keep' } : { kind: 'restart', why: `service ${cause[0]}, which it depends on, is made anew` };
  }
  if (status.phase === 'created') return { kind: 'start', why: 'it was created and never started' };
  if (status.restartAt > 0) {
    list.wakeAt(status.restartAt);
    return { kind: 'keep' };
  }
  if (status.startedAt >= since || (status.error === '' && isDone(there))) return { kind: 'keep' };
  if (status.held) return { kind: 'start', why: 'it was stopped by hand' };
  return { kind: 'start', why: status.phase === 'lost' ? 'it was lost' : `it has ended with code ${status.exitCode}` };
}

/** A one-shot that has succeeded is not run again. */
function isDone({ spec, status }: Container): boolean {
  return status?.phase === 'exited' && status.exitCode === 0 && !status.held && (spec.restart.policy === 'no' || spec.restart.policy === 'on-failure');
}

/** Why a container that no service wants goes; null: it stays. */
function leavingBecause(desired: Desired, { identity, status }: Container): string | null {
  if (status?.phase === 'removing') return 'its removal was begun';
  if (desired.remove.orphans && Object.keys(desired.services).length === 0) return 'the stack goes down';
  if (identity.owner !== 'stack') return null;
  const service = desired.services[identity.service];
  if (service !== undefined) return identity.slot > service.replicas ? `service ${identity.service} has ${service.replicas} replicas` : `service ${identity.service} names its container otherwise`;
  return desired.remove.orphans ? `service ${identity.service} is not in the file` : null;
}

/** Whether each wanted port is published; ports that the engine picked count by their target. */
function published({ spec, status }: Container): boolean {
  const left = [...(status?.ports ?? [])];
  return spec.ports.every((port) => {
    const at = left.findIndex((other) => other.hostIp === port.hostIp && other.target === port.target && other.protocol === port.protocol && (port.published === null || port.published === other.published));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}
