import type { NetworkFilters } from '../client/network-client.ts';
import { confirmed } from './confirmed.ts';
import { addFilter, type Invoked } from './list-options.ts';
import { networksOf } from './networks-of.ts';
import type { AddCommand } from './program.ts';

interface Options { readonly force?: boolean; readonly filter?: NetworkFilters }

export const addNetworkPrune: AddCommand = (network, cli, ends) => {
  addFilter(network.command('prune').description('remove all networks that no container is on'), 'label, label!')
    .option('-f, --force', 'do not ask')
    .action(ends(async ({ force, filter }: Options, command: Invoked) => {
      if (force !== true && !await confirmed('WARNING! This will remove all networks that no container is on.\nAre you sure you want to continue? [y/N] ', cli)) return 1;
      const removed = await networksOf(command, cli).prune(filter ?? {});
      if (removed.length > 0) cli.stdout.write(`Deleted Networks:\n${removed.map((name) => `${name}\n`).join('')}`);
      return 0;
    }));
};
