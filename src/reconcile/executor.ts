import type { PartProgress } from '../state/messages.ts';
import type { Action, ArgsOf } from '../state/plan.ts';

/** What carries out steps: one function an action. It decides nothing; a missing one does not compile. */
export type Executor = { readonly [A in Action]: (args: ArgsOf<A>, signal: AbortSignal, onProgress: (progress: PartProgress) => void) => Promise<void> };
