import type { EngineClient } from '../client/engine-client.ts';
import { printPlan } from '../plan/print.ts';
import type { PlanAnswer, StackRequest } from '../state/messages.ts';
import type { Cli } from './cli.ts';

/** Says what a request would do, and does nothing. `more` as below. Answers the exit status. */
export async function dryRun(stack: string, request: StackRequest, client: EngineClient, cli: Cli, more: readonly string[] = []): Promise<number> {
  return tellPlan(await client.planStack(stack, request), cli, more);
}

/** The plan of something that is only asked about. `more`: lines of what this program itself would do after it. */
export function tellPlan({ plan, settings = [] }: PlanAnswer, cli: Cli, more: readonly string[] = []): number {
  return tell(printPlan(plan), plan.steps.length === 0 && settings.length === 0, more, cli);
}

/** What this program would do: a line each, in the words of a plan's steps. */
export function tellSteps(lines: readonly string[], cli: Cli): number {
  return tell('', true, lines, cli);
}

function tell(plan: string, idle: boolean, more: readonly string[], cli: Cli): number {
  cli.stdout.write(`${plan}${more.map((line) => `${line}\n`).join('')}${idle && more.length === 0 ? 'nothing to do\n' : ''}`);
  return 0;
}
