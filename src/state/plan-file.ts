import * as z from 'zod';
import { StackRequest } from './messages.ts';

/** 2: what a request says of single containers, and what a step says of others beside it. 3: stops that may fail, health that is looked at anew, orphans that nobody is told of. */
export const PLAN_FILE_VERSION = 3;

/**
 * A plan that is kept: what `plan -o FILE` writes and `apply FILE` carries out. JSON, with a version: a plan of another one is refused, for it would be another plan by now. `request` is the desired state with how a pass goes about it, without the bytes of configs and secrets:
 * those are read again from where `load` says; `digest` and `revision` say from which state the plan was made; `plan` is the plan itself, for people and programs that look at it. It holds the
 * environment of the stack's containers, so it is written for its owner alone.
 */
export const PlanFile = z.object({
  kind: z.literal('bayplan-plan'),
  version: z.literal(PLAN_FILE_VERSION),
  stack: z.string(),
  /** Of the stack when the plan was made; 0: there was none. */
  revision: z.int().nonnegative(),
  /** Of the steps, with the contents behind them (hex). */
  digest: z.string(),
  /** How the stack file was read: absolute paths. */
  load: z.object({ projectName: z.string(), file: z.array(z.string()), projectDirectory: z.string(), profile: z.array(z.string()), envFile: z.array(z.string()).nullable() }),
  request: StackRequest.omit({ bytes: true }),
  plan: z.object({ steps: z.array(z.looseObject({ id: z.string(), why: z.string() })), notes: z.array(z.string()) }),
});
export type PlanFile = z.infer<typeof PlanFile>;
