import type { Action, ArgsOf, Plan, Step } from '../state/plan.ts';

/** A plan in the making. Steps keep the order in which they were added, and are added once. */
export class StepList {
  readonly #steps: Step[] = [];
  readonly #ids = new Set<string>();
  readonly #notes: string[] = [];
  #wakeAt: number | null = null;

  /** Adds a step; its id is the action and `object`. Needs that are not in the plan by its end are already so, and are left out. */
  add<A extends Action>(action: A, object: string, args: ArgsOf<A>, needs: readonly string[], why: string): string {
    const id = `${action} ${object}`;
    if (!this.#ids.has(id)) {
      this.#ids.add(id);
      this.#steps.push({ id, action, args, needs: [...new Set(needs)], why } as Step); // one action with its own args is a Step
    }
    return id;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Ids of the steps of one action. */
  idsOf(action: Action): readonly string[] {
    return this.#steps.filter((step) => step.action === action).map((step) => step.id);
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  wakeAt(time: number): void {
    this.#wakeAt = this.#wakeAt === null ? time : Math.min(this.#wakeAt, time);
  }

  plan(): Plan {
    const steps = this.#steps.map((step) => ({ ...step, needs: step.needs.filter((need) => this.#ids.has(need)) }));
    return { steps, notes: this.#notes, wakeAt: this.#wakeAt };
  }
}
