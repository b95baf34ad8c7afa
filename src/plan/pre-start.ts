import type * as z from 'zod';
import { ContainerSpec, type Healthcheck } from '../state/container.ts';
import type { PreStart } from '../state/hook.ts';
import type { Step } from '../state/plan.ts';
import type { State } from '../state/state.ts';
import { differences } from './diff.ts';
import type { Wanted } from './expand.ts';
import { stepId } from './step-id.ts';

/** A container of a service that this plan starts. */
export interface Starting {
  readonly one: Wanted;
  /** Its name by then: an interim one where it comes beside the one before it. */
  readonly container: string;
  readonly generation: number;
  /** Whether it is there already. */
  readonly made: boolean;
}

export interface PreStartSteps { readonly steps: readonly Step[]; /** What the start of each container waits for, by its name. */ readonly gates: ReadonlyMap<string, readonly string[]> }

/**
 * Hooks before the start of a service's containers (05-services, `pre_start`), one after the other: those of the service as a whole where no container of it has run as it
 * is wanted (`all`), with what the first one in `starting` mounts; those of each replica before each that starts. A hook that fails keeps what follows from being done, and its container stays to be looked at
 * until the next run. Those in `leaving` are taken away elsewhere. One that still runs, of an engine that is no more, is waited for, and one that has succeeded meanwhile is not run twice. `conditions`: what has to be so before any start.
 */
export function preStartSteps(starting: readonly Starting[], all: boolean, conditions: readonly string[], stack: string, actual: State, leaving: ReadonlyMap<string, string>): PreStartSteps {
  const [first] = starting;
  const steps: Step[] = [];
  const gates = new Map<string, readonly string[]>();
  if (first === undefined || first.one.spec.preStart.length === 0) return { steps, gates };
  const { service, spec: { preStart } } = first.one;
  const former = new Set(Object.entries(actual.containers).filter(([, { identity }]) => identity.owner === 'hook' && identity.stack === stack && identity.service === service).map(([name]) => name));
  /** The last of the service's own hooks so far. */
  let shared: readonly string[] = [];
  const last = new Map<Starting, readonly string[]>(starting.map((each) => [each, []]));
  for (const [index, hook] of preStart.entries()) {
    if (!hook.perReplica && !all) continue;
    const before = shared;
    for (const each of hook.perReplica ? starting : [first]) {
      const name = `${each.one.name}-pre_start-${index}`;
      const run = hookSteps(name, hook, each, [...conditions, ...before, ...(last.get(each) ?? [])], stack, actual, leaving);
      former.delete(name);
      steps.push(...run.steps);
      last.set(each, run.ends);
      if (!hook.perReplica) shared = run.ends;
    }
  }
  // What an earlier run has left, and is not wanted any more.
  steps.unshift(...[...former].sort().flatMap((name) => removalOf(name, `a former hook of service ${service}`, actual, leaving)));
  for (const each of starting) gates.set(each.container, [...new Set([...shared, ...(last.get(each) ?? [])])]);
  return { steps, gates };
}

function hookSteps(name: string, hook: PreStart, { one, container, generation, made }: Starting, needs: readonly string[], stack: string, actual: State, leaving: ReadonlyMap<string, string>): { readonly steps: readonly Step[]; readonly ends: readonly string[] } {
  const why = `pre_start of service ${one.service}`;
  const spec = hookSpec(one.spec, hook, stack, one.service);
  const wait = `${stepId('wait-container', name)} completed`;
  const create = stepId('create-container', name);
  const start = stepId('start-container', name);
  const there = actual.containers[name];
  const isThisOne = made && there !== undefined && differences({ ...there.spec, mounts: spec.mounts }, spec).length === 0;
  // It is there still where the engine ended between its end and its removal.
  if (isThisOne && there.status?.phase === 'exited' && there.status.exitCode === 0) return { steps: leaving.has(name) ? [] : [removalOfSucceeded(name, [])], ends: [] };
  const goesOn = isThisOne && there.status?.phase === 'running';
  const steps: Step[] = goesOn ? [] : [
    ...removalOf(name, 'it is run again', actual, leaving),
    {
      id: create, action: 'create-container', why, args: { name, identity: { owner: 'hook', stack, service: one.service, slot: one.slot, generation }, spec },
      needs: [...needs, stepId('pull-image', hook.image), stepId('create-container', container), ...Object.keys(spec.networks).map((network) => stepId('create-network', network)), stepId('remove-container', name)],
    },
    { id: start, action: 'start-container', args: { name }, needs: [create], why },
  ];
  steps.push({ id: wait, action: 'wait-container', args: { name, until: 'completed' }, needs: [start], why }, removalOfSucceeded(name, [wait]));
  return { steps, ends: [wait] };
}

function removalOfSucceeded(name: string, needs: readonly string[]): Step {
  return { id: `${stepId('remove-container', name)} ended`, action: 'remove-container', args: { name, volumes: true }, needs, why: 'it has succeeded' };
}

/** Takes away what is left of a former run. */
function removalOf(name: string, why: string, actual: State, leaving: ReadonlyMap<string, string>): readonly Step[] {
  const there = actual.containers[name];
  if (there === undefined) return [];
  const stop = stepId('stop-container', name);
  return leaving.has(name) ? [] : [
    ...(there.status?.phase === 'running' ? [{ id: stop, action: 'stop-container' as const, args: { name, signal: there.spec.stopSignal, graceMs: there.spec.stopGracePeriodMs }, needs: [], why }] : []),
    { id: stepId('remove-container', name), action: 'remove-container', args: { name, volumes: true }, needs: [stop], why },
  ];
}

/**
 * A container beside the service's own, as docker compose makes it: on the same networks, with the service's variables and mounts, and nothing else of it: user and folder are
 * the image's unless the hook says so. It goes by no name and has no address of the service's, which is about to start. What it mounts of anonymous volumes is found when it is made.
 */
export function hookSpec(service: ContainerSpec, hook: PreStart, stack: string, name: string): ContainerSpec {
  const { networkMode, contents, extraHosts, dns, links, logging } = service;
  return ContainerSpec.parse({
    image: hook.image, imageId: '', entrypoint: null, command: hook.command.length === 0 ? null : hook.command, user: hook.user, workingDir: hook.workingDir, privileged: hook.privileged,
    environment: { ...service.environment, ...Object.fromEntries(hook.environment.map((entry): [string, string] => { const [key = ''] = entry.split('=', 1); return [key, entry.slice(key.length + 1)]; })) },
    labels: { 'com.docker.compose.project': stack, 'com.docker.compose.service': name, 'com.docker.compose.hook': 'pre_start' },
    networks: Object.fromEntries(Object.entries(service.networks).map(([network, attachment]) => [network, { ...attachment, aliases: [], ipv4Address: null, ipv6Address: null, macAddress: '', linkLocalIps: [] }])),
    mounts: service.mounts.filter(({ type }) => type !== 'tmpfs'),
    networkMode, contents, extraHosts, dns, links, logging,
    groupAdd: [], hostname: '', domainname: '', stopSignal: null, stopGracePeriodMs: 10_000, restart: { policy: 'no', maxRetries: 0 }, healthcheck: NO_CHECK,
    capAdd: [], capDrop: [], readOnly: false, init: false, tty: false, stdinOpen: false, resources: { memory: null, cpus: null, pids: null }, ports: [],
  } satisfies z.input<typeof ContainerSpec>);
}

const NO_CHECK: Healthcheck = { test: ['NONE'], intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5_000, retries: 3 };
