import { fields, list, text } from '../client/outline.ts';
import { clientOf } from './client-of.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { stackNameOf } from './stack-name.ts';
import { table } from './table.ts';

export const addTop: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('top').description('list the processes of the containers'))
    .argument('[service...]', 'only those of these services')
    .action(ends(async (services: readonly string[], _own: StackOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<StackOptions>();
      const client = clientOf(options, cli);
      const running = await serviceContainers(await stackNameOf(options, cli), services, false, client, cli);
      const tops = await Promise.all(running.map(async ({ Id, Bayplan }) => ({ Bayplan, ...await client.ask('GET', `/containers/${Id}/top`, fields<{ readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }>({ Titles: list(text), Processes: list(list(text)) })) })));
      const [first] = tops;
      if (first === undefined) return 0;
      const rows = tops.flatMap(({ Bayplan, Processes }) => Processes.map((process) => [Bayplan.service, String(Bayplan.slot), ...process]));
      cli.stdout.write(table(['SERVICE', '#', ...first.Titles], rows, { least: 4, gap: 2 }));
      return 0;
    }));
};
