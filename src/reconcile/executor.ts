import type { Action, ArgsOf } from '../state/plan.ts';

/** What carries out steps: one function an action. It decides nothing; a missing one does not compile. */
export type Executor = { readonly [A in Action]: (args: ArgsOf<A>, signal: AbortSignal) => Promise<void> };
