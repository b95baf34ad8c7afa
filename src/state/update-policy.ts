import * as z from 'zod';

/** How a service's containers are replaced: Compose `deploy.update_config` and `deploy.rollback_config`. Times in ms. */
export const UpdatePolicy = z.strictObject({
  /** Containers that are replaced at the same time; 0: all. */
  parallelism: z.int().nonnegative(),
  /** Between one batch and the next. */
  delayMs: z.number().nonnegative(),
  /** Whether the new one comes before the old one leaves; null: as it can be done without harm. */
  order: z.enum(['start-first', 'stop-first']).nullable(),
  failureAction: z.enum(['pause', 'continue', 'rollback']),
  /** How long a new one has to stay as it should be before the old one leaves, or the next batch begins. */
  monitorMs: z.number().nonnegative(),
  /** Failed ones of all that are borne, 0 to 1. */
  maxFailureRatio: z.number().min(0).max(1),
});
export type UpdatePolicy = z.infer<typeof UpdatePolicy>;

/** Where a file says nothing. */
export const USUAL_UPDATE: UpdatePolicy = { parallelism: 1, delayMs: 0, order: null, failureAction: 'pause', monitorMs: 0, maxFailureRatio: 0 };
