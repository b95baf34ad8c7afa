import { InvalidArgumentError } from 'commander';
import type { StackRequest } from '../state/messages.ts';

const POLICIES = ['always', 'missing', 'never'] as const;
export type PullPolicy = (typeof POLICIES)[number];

export function pullPolicy(value: string): PullPolicy {
  const found = POLICIES.find((policy) => policy === value);
  if (found === undefined) throw new InvalidArgumentError(`Expected ${POLICIES.join(', ')}.`);
  return found;
}

/** The request with one policy for all its images, in place of what the file says. */
export function withPullPolicy(request: StackRequest, policy: PullPolicy | undefined): StackRequest {
  if (policy === undefined) return request;
  const images = Object.fromEntries(Object.entries(request.desired.images).map(([name, image]) => [name, { ...image, spec: { pullPolicy: policy, refreshMs: 0 } }]));
  return { ...request, desired: { ...request.desired, images } };
}
