import type { Project } from '../stack/index.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { StackRequest } from '../state/messages.ts';
import { runInForeground } from './foreground.ts';
import { clientOf } from './client-of.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import { passView, type PassView } from './pass-view.ts';
import { progressMode, type ProgressMode } from './progress-mode.ts';
import type { AddCommand } from './program.ts';
import { pullPolicy, withPullPolicy, type PullPolicy } from './pull-policy.ts';
import { selectServices } from './select-services.ts';

interface UpOptions extends StackOptions { readonly detach?: boolean; readonly wait?: boolean; readonly removeOrphans?: boolean; readonly pull?: PullPolicy; readonly progress: ProgressMode }

export const addUp: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('up').description('make the containers as the stack file says'))
    .argument('[service...]', 'only these services and what they depend on')
    .option('-d, --detach', 'leave the containers running in the background')
    .option('--wait', 'wait until the services are healthy; leaves them in the background')
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('--pull <policy>', 'when to pull images, in place of what the file says: always, missing or never', pullPolicy)
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto')
    .action(ends(async (services: readonly string[], _own: UpOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<UpOptions>();
      const { loadProject, requestOf } = await import('./stack-file.ts');
      const project = loadProject(options, cli);
      if (Object.keys(project.services).length === 0) throw new BayplanError('no-service', 'no service to bring up: the stack file has none, or only such as need a --profile');
      const client = clientOf(options, cli);
      const request = withPullPolicy(await narrowed(requestOf(project, options.removeOrphans === true, cli), project, client, services), options.pull);
      const view = passView(options.progress, cli);
      try {
        if (options.detach !== true && options.wait !== true) return await runInForeground(project.name, request, client, view, cli);
        return await runDetached(project.name, request, client, view, options.wait === true);
      } finally {
        view.close();
      }
    }));
};

async function narrowed(request: StackRequest, project: Project, client: EngineClient, services: readonly string[]): Promise<StackRequest> {
  if (services.length === 0) return request;
  try {
    const { revision, desired } = await client.stack(project.name);
    return { ...request, base: revision, desired: selectServices(request.desired, desired, services) };
  } catch (error) {
    if (!(error instanceof BayplanError && error.code === 'not-found')) throw error;
    return { ...request, desired: selectServices(request.desired, null, services) };
  }
}

async function runDetached(name: string, request: StackRequest, client: EngineClient, view: PassView, wait: boolean): Promise<number> {
  for await (const event of client.applyStack(name, request, { wait, attached: false })) view.event(event);
  const status = view.finish();
  if (status === 0 && view.done === 0) view.note('nothing to do');
  return status;
}
