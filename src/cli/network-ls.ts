import type { NetworkFilters } from '../client/network-client.ts';
import { addFilter, type Invoked } from './list-options.ts';
import { networksOf } from './networks-of.ts';
import { addTemplateFormat, isFormatted } from './options.ts';
import type { AddCommand } from './program.ts';
import { table } from './table.ts';

interface Options { readonly quiet?: boolean; readonly trunc: boolean; readonly filter?: NetworkFilters; readonly format?: string }

export const addNetworkList: AddCommand = (network, cli, ends) => {
  addFilter(addTemplateFormat(network.command('ls').alias('list').description('list networks')), 'name, id, driver, label, dangling')
    .option('-q, --quiet', 'IDs alone')
    .option('--no-trunc', 'whole IDs')
    .action(ends(async (options: Options, command: Invoked) => {
      const found = [...await networksOf(command, cli).list(options.filter ?? {})].sort((a, b) => (a.Name < b.Name ? -1 : 1));
      const id = (whole: string): string => (options.trunc ? whole.slice(0, 12) : whole);
      const rows = found.map(({ Id, Name, Driver, IPAM, Internal }) => ({ ID: id(Id), Name, Driver, Subnets: (IPAM.Config ?? []).map(({ Subnet }) => Subnet).join(' '), Internal }));
      if (options.quiet === true) cli.stdout.write(rows.map(({ ID }) => `${ID}\n`).join(''));
      else if (isFormatted(options.format)) cli.stdout.write((await import('./list-format.ts')).formatted(options.format, rows, { titles: { ID: 'NETWORK ID' } }));
      else cli.stdout.write(table(['NETWORK ID', 'NAME', 'DRIVER', 'SUBNETS'], rows.map(({ ID, Name, Driver, Subnets, Internal }) => [ID, Name, Driver, `${Subnets}${Internal ? ' (internal)' : ''}`])));
      return 0;
    }));
};
