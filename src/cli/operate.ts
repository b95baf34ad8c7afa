import type { EngineClient, OperationRequest } from '../client/engine-client.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import { tellPlan } from './dry-run.ts';
import { checkServices } from './no-service.ts';
import type { StackOptions } from './options.ts';
import { passView } from './pass-view.ts';
import type { ProgressMode } from './progress-mode.ts';
import { stackFolderOf } from './stack-folder.ts';
import { stackNameOf } from './stack-name.ts';

export interface OperateOptions extends StackOptions { readonly progress?: ProgressMode; readonly abort?: AbortSignal }

/** What was done, and how it is shown. `status`: the command's exit status as far as the engine's work goes. */
export interface Operated { readonly status: number; readonly name: string; readonly client: EngineClient; note(line: string): void }

/** Has the engine do what a person asks of a stack's containers, and shows it as it is done. `idle`: what to say where there was nothing to do. */
export async function operate(request: OperationRequest, options: OperateOptions, cli: Cli, idle = 'nothing to do'): Promise<Operated> {
  const name = await stackNameOf(options, cli);
  const client = clientOf(options, cli);
  if (request.services.length > 0) await checkServices(request.services, name, (await client.containers(name, true)).map(({ Bayplan }) => Bayplan.service), client);
  const asked = { ...request, from: stackFolderOf(options, cli) };
  if (options.dryRun === true) return { status: tellPlan(await client.planOperation(name, asked), cli), name, client, note: (line) => void cli.stdout.write(`${line}\n`) };
  const view = passView(options.progress ?? 'auto', cli);
  try {
    let told = false;
    for await (const event of client.operate(name, asked, options.abort)) {
      view.event(event);
      told ||= event.type === 'plan' && event.plan.notes.length > 0;
    }
    const status = view.finish();
    if (status === 0 && view.done === 0 && !told) view.note(idle);
    return { status, name, client, note: (line) => view.note(line) };
  } finally {
    view.close();
  }
}
