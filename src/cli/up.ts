import type { Project } from '../stack/index.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { StackRequest } from '../state/messages.ts';
import type { Cli } from './cli.ts';
import { runInForeground } from './foreground.ts';
import { clientOf } from './client-of.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import { PassPrinter } from './pass-printer.ts';
import type { AddCommand } from './program.ts';
import { pullPolicy, withPullPolicy, type PullPolicy } from './pull-policy.ts';
import { selectServices } from './select-services.ts';

interface UpOptions extends StackOptions { readonly detach?: boolean; readonly wait?: boolean; readonly removeOrphans?: boolean; readonly pull?: PullPolicy }

export const addUp: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('up').description('make the containers as the stack file says'))
    .argument('[service...]', 'only these services and what they depend on')
    .option('-d, --detach', 'leave the containers running in the background')
    .option('--wait', 'wait until the services are healthy; leaves them in the background')
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('--pull <policy>', 'when to pull images, in place of what the file says: always, missing or never', pullPolicy)
    .action(ends(async (services: readonly string[], _own: UpOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<UpOptions>();
      const { loadProject, requestOf } = await import('./stack-file.ts');
      const project = loadProject(options, cli);
      const client = clientOf(options, cli);
      const request = withPullPolicy(await narrowed(requestOf(project, options.removeOrphans === true, cli), project, client, services), options.pull);
      if (options.detach !== true && options.wait !== true) return await runInForeground(project.name, request, client, cli);
      return await runDetached(project.name, request, client, cli, options.wait === true);
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

async function runDetached(name: string, request: StackRequest, client: EngineClient, cli: Cli, wait: boolean): Promise<number> {
  const printer = new PassPrinter((text) => cli.stdout.write(text));
  for await (const event of client.applyStack(name, request, { wait, attached: false })) printer.event(event);
  const status = printer.finish();
  if (status === 0 && printer.done === 0) cli.stdout.write('nothing to do\n');
  return status;
}
