import type { EngineClient } from '../client/engine-client.ts';
import { printPlan } from '../plan/print.ts';
import type { StackRequest } from '../state/messages.ts';
import type { Cli } from './cli.ts';

/** Says what a request would do, and does nothing. Answers the exit status. */
export async function dryRun(stack: string, request: StackRequest, client: EngineClient, cli: Cli): Promise<number> {
  const { plan } = await client.planStack(stack, request);
  cli.stdout.write(`${printPlan(plan)}${plan.steps.length === 0 ? 'nothing to do\n' : ''}`);
  return 0;
}
