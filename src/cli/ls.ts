import { InvalidArgumentError } from 'commander';
import { containerSummaries } from '../client/answers.ts';
import type { ContainerSummary } from '../client/container-summary.ts';
import { clientOf } from './client-of.ts';
import { addFormat } from './options.ts';
import type { AddCommand } from './program.ts';
import { tellSetAside } from './set-aside.ts';
import { table } from './table.ts';

interface LsOptions { readonly root?: string; readonly all?: boolean; readonly quiet?: boolean; readonly format?: 'json' | 'table'; readonly filter?: string }

export const addLs: AddCommand = (program, cli, ends) => {
  addFormat(program.command('ls').description('list the stacks of the engine'))
    .option('-a, --all', 'those too of which nothing runs').option('-q, --quiet', 'names alone')
    .option('--filter <name=PART>', 'those whose name has this part', (text: string) => {
      if (!text.startsWith('name=')) throw new InvalidArgumentError('Expected name=PART.');
      return text.slice('name='.length);
    })
    .action(ends(async (_own: LsOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<LsOptions>();
      const client = clientOf(options, cli);
      await tellSetAside(null, client, cli);
      const [stacks, containers] = await Promise.all([client.stacks(), client.ask('GET', `/containers/json?all=${Number(options.all === true)}`, containerSummaries)]);
      const owned = containers.filter(({ Bayplan }) => Bayplan.owner !== 'api');
      const names = [...new Set([...owned.map(({ Bayplan }) => Bayplan.stack), ...(options.all === true ? stacks.map(({ name }) => name) : [])])].toSorted().filter((name) => name.includes(options.filter ?? ''));
      const rows = names.map((name) => ({
        Name: name, Status: statusOf(owned.filter(({ Bayplan }) => Bayplan.stack === name)), ConfigFiles: stacks.find((stack) => stack.name === name)?.source.files.join(',') ?? '',
      }));
      if (options.quiet === true) cli.stdout.write(names.map((name) => `${name}\n`).join(''));
      else if (options.format === 'json') cli.stdout.write(`${JSON.stringify(rows)}\n`);
      else cli.stdout.write(table(['NAME', 'STATUS', 'CONFIG FILES'], rows.map(({ Name, Status, ConfigFiles }) => [Name, Status, ConfigFiles]), { least: 20 }));
      return 0;
    }));
};

/** How many containers are in each state: `exited(1), running(2)`. */
function statusOf(containers: readonly ContainerSummary[]): string {
  const states = [...new Set(containers.map(({ State }) => State))].toSorted();
  return states.map((state) => `${state}(${containers.filter(({ State }) => State === state).length})`).join(', ');
}
