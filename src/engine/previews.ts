import { planOperation } from '../plan/operation.ts';
import { plan } from '../plan/plan.ts';
import type { PlanAnswer, RollbackRequest } from '../state/messages.ts';
import type { Operation } from '../state/operation.ts';
import { ROLLBACK_PASS, USUAL_PASS, type PassOptions } from '../state/pass-options.ts';
import type { Plan } from '../state/plan.ts';
import { nothingDesired, type Desired } from '../state/state.ts';
import { checkName, refuseForeign } from './check-stack.ts';
import type { EngineParts } from './engine-parts.ts';
import { actualState } from './observe.ts';
import { planDigest } from './plan-digest.ts';
import { StackHistory } from './stack-history.ts';
import { pinned } from './way-back.ts';

// What would come of what is asked for, beside `up` (that is Stacks.plan): the same refusals, and the same plan from the same state. Nothing is kept and nothing done.

/** Of `Stacks.operate`. */
export function previewOperation(name: string, operation: Operation, parts: EngineParts): PlanAnswer {
  const desired = begin(name, operation.from, parts);
  return answer(name, planOperation(operation, desired, actualState(name, desired, parts)), parts);
}

/** Of `Stacks.remove`. */
export function previewRemoval(name: string, options: { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null; readonly from: string | null }, parts: EngineParts): PlanAnswer {
  begin(name, options.from, parts);
  return answer(name, planned(name, nothingDesired(name, options.volumes, options.stopTimeoutSeconds), USUAL_PASS, parts), parts);
}

/** Of `Stacks.rollback`. Throws BayplanError `not-found`. */
export function previewRollback(name: string, { revision, from }: RollbackRequest, parts: EngineParts): PlanAnswer {
  begin(name, from, parts);
  const history = new StackHistory(parts);
  return answer(name, planned(name, pinned(revision === null ? history.before(name) : history.revision(name, revision)), ROLLBACK_PASS, parts), parts);
}

/** Refuses what the work itself would be refused for; answers what is desired now. */
function begin(name: string, from: string | null, parts: EngineParts): Desired | null {
  checkName(name, null);
  const record = parts.stacks.get(name);
  refuseForeign(name, from, record);
  return record?.desired ?? null;
}

function planned(name: string, desired: Desired, options: PassOptions, parts: EngineParts): Plan {
  return plan(desired, actualState(name, desired, parts), Date.now(), Number.POSITIVE_INFINITY, options);
}

function answer(name: string, made: Plan, parts: EngineParts): PlanAnswer {
  return { version: 1, revision: parts.stacks.get(name)?.revision ?? 0, digest: planDigest(made), plan: { ...made, notes: [...parts.asides.notes(name), ...made.notes] } };
}
