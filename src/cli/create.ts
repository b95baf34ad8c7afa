import { clientOf } from './client-of.ts';
import { dryRun } from './dry-run.ts';
import { addMakeOptions, type MakeOptions } from './make-options.ts';
import { addServices } from './options.ts';
import { passView } from './pass-view.ts';
import type { AddCommand } from './program.ts';

export const addCreate: AddCommand = (program, cli, ends) => {
  addMakeOptions(addServices(program.command('create').description('make the containers as the stack file says, and start none')))
    .action(ends(async (services: readonly string[], _own: MakeOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<MakeOptions>();
      const { loadProject, providersAsked, providerSteps, upRequest } = await import('./stack-file.ts');
      const project = loadProject(options, cli, { named: services, keepUnused: options.allResources === true });
      const client = clientOf(options, cli);
      const request = await upRequest(project, services, { ...options, start: false }, client, cli);
      if (options.dryRun === true) return await dryRun(project.name, request, client, cli, providerSteps(providersAsked(project, services, true)));
      const view = passView(options.progress, cli, options.quietPull === true);
      try {
        for await (const event of client.applyStack(project.name, request, { wait: false, attached: false })) view.event(event);
        const status = view.finish();
        if (status === 0 && view.done === 0) view.note('nothing to do');
        return status;
      } finally {
        view.close();
      }
    }));
};
