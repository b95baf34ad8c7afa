import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';
import { replicaName } from '../state/replica-name.ts';
import { containerOf } from '../state/shared-with.ts';
import type { Desired } from '../state/state.ts';
import { isAmong } from './find-container.ts';
import { scheduleProblem } from './job-times.ts';
import type { StackRecord } from './stack-record.ts';

/** `from`: the folder of the stack file that somebody means; null: whichever stack has the name. Throws BayplanError `conflict` where the stack came from another one. */
export function refuseForeign(name: string, from: string | null, before: StackRecord | null): void {
  const home = before?.source.workingDir;
  if (from === null || home === undefined || home === from) return;
  throw new BayplanError('conflict', `stack ${name} was brought up from ${home}, not from ${from}: \`-p ${name}\` says that it is meant all the same; nothing was changed`);
}

/** A stack's name becomes a folder's: it is a Compose project name, and the one that its desired state is for. Throws BayplanError `bad-request`. */
export function checkName(name: string, desired: Desired | null): void {
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(name) || name.length > 200) throw new BayplanError('bad-request', `stack name "${name}": expected lower-case letters, digits, "_" and "-", a letter or digit first`);
  if (desired !== null && desired.stack !== name) throw new BayplanError('bad-request', `the desired state is for stack "${desired.stack}", not for "${name}"`);
}

/** Throws BayplanError `bad-request` where a service's schedule cannot be kept: a stack file's was looked at when it was loaded, any other client's was not. */
export function checkSchedules({ services }: Desired): void {
  for (const [name, { job }] of Object.entries(services)) {
    const problem = job === null ? null : scheduleProblem(job);
    if (problem !== null) throw new BayplanError('bad-request', `service "${name}": ${problem}`);
  }
}

/**
 * Throws BayplanError `not-found` where a service of `only` (null: any) is to share volumes or namespaces of a container that is neither there nor will be. One that runs may go on without:
 * where it is to be made anew, `objections` says so before it is given up.
 */
export function checkLenders({ services, stack }: Desired, only: readonly string[] | null, containers: ReadonlyMap<string, Container>): void {
  const own = new Set(Object.entries(services).flatMap(([name, { containerName }]) => [containerName, replicaName(stack, name, '', 1)]));
  const isThere = (ref: string): boolean => own.has(ref) || isAmong(ref, containers);
  const running = new Set([...containers.values()].flatMap(({ identity, status }) => (identity.stack === stack && status?.phase === 'running' ? [identity.service] : [])));
  for (const [name, { template }] of Object.entries(services)) {
    if (running.has(name) || only?.includes(name) === false) continue;
    const lent: readonly (readonly [string | null, string])[] = [
      ...template.volumesFrom.map(({ container }) => [container, 'volumes it is to share (volumes_from)'] as const), [containerOf(template.networkMode), 'network it is to share (network_mode)'],
      ...Object.entries(template.namespaces).map(([kind, mode]) => [containerOf(mode), `${kind} namespace it is to share`] as const),
    ];
    const missing = lent.find(([container]) => container !== null && !isThere(container));
    if (missing !== undefined) throw new BayplanError('not-found', `service "${name}": there is no container ${missing[0]}, whose ${missing[1]}: bring that up first`);
  }
}
