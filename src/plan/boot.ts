import type { Container } from '../state/container.ts';
import { isInterrupted } from '../state/drift.ts';
import type { Desired, State } from '../state/state.ts';
import { plan } from './plan.ts';

/** What is desired of a stack once the machine has booted, but for the containers that are left as they are: images are those that were used before, and nothing is pulled that is here. */
export interface Boot { readonly desired: Desired; readonly left: readonly string[] }

/**
 * A boot ends what ran, so all that is desired comes back, in order of the dependencies. Containers stay as they are that a person holds, or that had ended by themselves:
 *
 * | container                                  | comes back |
 * |--------------------------------------------|------------|
 * | ran until then, or until a shutdown        | yes, whatever its restart policy |
 * | was never made or started                  | yes: it was asked for            |
 * | stopped, killed by a person                | no         |
 * | is to be made anew, in any state           | yes: the update was cut off |
 * | had ended with 0, policy no or on-failure  | no: it has done its work         |
 * | had ended with 0, and nobody knew yet      | yes: that is as if it had run until then |
 * | had ended otherwise, policy no             | no         |
 * | had ended, policy always or unless-stopped | yes        |
 *
 * An end is known once it is on the disk, which it is before anything follows from it: before who depends on it starts, and before whoever waits for it is told.
 */
export function bootOf(desired: Desired, actual: State, now: number): Boot {
  const images = Object.fromEntries(Object.entries(desired.images).map(([name, image]) => [name, { ...image, spec: { pullPolicy: image.spec.pullPolicy === 'never' ? 'never' as const : 'missing' as const, refreshMs: 0 } }]));
  const whole = { ...desired, images };
  const replaced = new Set(plan(whole, actual, now).steps.flatMap((step) => (step.action === 'remove-container' ? [step.args.name] : []))); // its stop was the update's that was cut off
  const left = Object.entries(actual.containers).flatMap(([name, container]) => (container.identity.owner === 'stack' && !replaced.has(name) && (container.status?.held === true || hasEnded(container)) ? [name] : []));
  return { desired: whole, left: left.sort() };
}

/** It failed by itself, and its policy leaves it so. What has ended with 0 is the plan's to leave alone: who depends on it waits for that. */
function hasEnded({ spec, status }: Container): boolean {
  return status?.phase === 'exited' && !isInterrupted(status) && status.startedAt > 0 && status.exitCode !== 0 && spec.restart.policy !== 'always' && spec.restart.policy !== 'unless-stopped';
}
