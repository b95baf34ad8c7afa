import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { dryRun } from './dry-run.ts';
import { scaled } from './make-options.ts';
import { addFileOptions, type ServicesOptions } from './options.ts';
import { passView } from './pass-view.ts';
import type { AddCommand } from './program.ts';
import { progressMode } from './progress-mode.ts';

interface ScaleOptions extends ServicesOptions { readonly deps: boolean }

export const addScale: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('scale').description('have so many containers of a service, until up says otherwise'))
    .argument('<service=n...>', 'services and how many containers of each', scaled)
    .option('--no-deps', 'leave alone what the services depend on')
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto')
    .action(ends(async (scale: Readonly<Record<string, number>>, _own: ScaleOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ScaleOptions>();
      const { loadProject, providersAsked, providerSteps, upRequest } = await import('./stack-file.ts');
      const project = loadProject(options, cli, { named: Object.keys(scale) });
      const client = clientOf(options, cli);
      const services = Object.keys(scale);
      if (services.length === 0) throw new BayplanError('bad-request', 'scale: expected SERVICE=NUMBER');
      const request = await upRequest(project, services, { ...options, scale, recreate: true }, client, cli);
      if (options.dryRun === true) return await dryRun(project.name, request, client, cli, providerSteps(providersAsked(project, services, options.deps)));
      const view = passView(options.progress, cli);
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
