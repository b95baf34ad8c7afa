import { addNetworkCreate } from './network-create.ts';
import { addNetworkInspect } from './network-inspect.ts';
import { addNetworkList } from './network-ls.ts';
import { addNetworkPrune } from './network-prune.ts';
import { addNetworkRemove } from './network-rm.ts';
import type { AddCommand } from './program.ts';

export const addNetwork: AddCommand = (program, cli, ends) => {
  const network = program.command('network').description('work with networks');
  for (const add of [addNetworkList, addNetworkInspect, addNetworkCreate, addNetworkRemove, addNetworkPrune]) add(network, cli, ends);
};
