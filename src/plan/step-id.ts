import type { Action } from '../state/plan.ts';

/** A step's id: stable from plan to plan, and unique in each since an action meets a container or resource once. */
export function stepId(action: Action, name: string): string {
  return `${action} ${name}`;
}
