import type { EngineClient, OperationRequest } from '../client/engine-client.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import { tellPlan, tellSteps } from './dry-run.ts';
import { meantServices } from './meant-services.ts';
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
  const meant = request.services.length > 0 ? null : await meantServices(name, options, cli, client);
  const asked = { ...request, services: meant?.services ?? request.services, from: stackFolderOf(options, cli) };
  const none = meant?.services.length === 0;
  if (options.dryRun === true) return { status: none ? tellSteps([...meant.notes, idle], cli) : tellPlan(await client.planOperation(name, asked), cli, meant?.notes), name, client, note: (line) => void cli.stdout.write(`${line}\n`) };
  const view = passView(options.progress ?? 'auto', cli);
  try {
    for (const note of meant?.notes ?? []) view.note(note);
    if (none) {
      view.note(idle);
      return { status: 0, name, client, note: (line) => view.note(line) };
    }
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
