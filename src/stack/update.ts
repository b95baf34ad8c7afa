import { parseDuration } from '../state/duration.ts';
import { USUAL_UPDATE, type UpdatePolicy } from '../state/update-policy.ts';
import type { ServiceConfig } from './service-schema.ts';

/** `deploy.update_config`: what it does not say is as usual. */
export function updateOf({ deploy }: ServiceConfig): UpdatePolicy {
  return policyOf(deploy?.update_config);
}

/** `deploy.rollback_config`: as an update's, but that a rollback is not rolled back. */
export function rollbackOf({ deploy }: ServiceConfig): UpdatePolicy {
  const policy = policyOf(deploy?.rollback_config);
  return policy.failureAction === 'rollback' ? { ...policy, failureAction: 'pause' } : policy;
}

function policyOf(config: NonNullable<ServiceConfig['deploy']>['update_config']): UpdatePolicy {
  const { parallelism, delay, order, failure_action: action, monitor, max_failure_ratio: ratio } = config ?? {};
  return {
    parallelism: parallelism ?? USUAL_UPDATE.parallelism,
    delayMs: parseDuration(delay ?? '0s') ?? 0,
    order: order ?? null,
    failureAction: action === 'continue' || action === 'rollback' ? action : 'pause',
    monitorMs: parseDuration(monitor ?? '0s') ?? 0,
    maxFailureRatio: Math.min(1, Math.max(0, ratio ?? 0)),
  };
}
