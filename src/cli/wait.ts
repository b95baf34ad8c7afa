import { BayplanError } from '../state/bayplan-error.ts';
import { nameOf } from '../client/container-summary.ts';
import { clientOf } from './client-of.ts';
import { tellPlan, tellSteps } from './dry-run.ts';
import { addServices, type ServicesOptions } from './options.ts';
import { passView } from './pass-view.ts';
import type { AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { stackFolderOf } from './stack-folder.ts';
import { stackNameOf } from './stack-name.ts';

interface WaitOptions extends ServicesOptions { readonly downProject?: boolean }

export const addWait: AddCommand = (program, cli, ends) => {
  addServices(program.command('wait').description('wait until containers have ended; exits with the status of the one that ended last'))
    .option('--down-project', 'take the stack down once the first one has ended')
    .action(ends(async (services: readonly string[], _own: WaitOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<WaitOptions>();
      const client = clientOf(options, cli);
      const name = await stackNameOf(options, cli);
      const running = await serviceContainers(name, services, false, client, cli);
      if (running.length === 0) throw new BayplanError('not-running', `no container ${services.length === 0 ? `of stack "${name}"` : `of ${services.join(', ')}`} is running in stack "${name}"`);
      const removal = { volumes: false, timeout: null, from: stackFolderOf(options, cli) };
      if (options.dryRun === true) {
        const waits = running.map((container) => `wait-container ${nameOf(container)}  (wait was asked for)`);
        return options.downProject === true ? tellPlan(await client.planRemoval(name, removal), cli, waits) : tellSteps(waits, cli);
      }
      let status = 0;
      const ends = running.map(async (container) => {
        const code = await client.waitContainer(container.Id, 'not-running');
        cli.stdout.write(`container ${nameOf(container)} exited with status code ${code}\n`);
        status = code;
      });
      if (options.downProject !== true) await Promise.all(ends);
      else {
        for (const end of ends) end.catch(() => undefined); // they go with the stack
        await Promise.race(ends);
        const first = status;
        const view = passView(options.progress, cli);
        try {
          for await (const event of client.removeStack(name, removal)) view.event(event);
          return view.finish() === 0 ? first : 1;
        } finally {
          view.close();
        }
      }
      return status;
    }));
};
