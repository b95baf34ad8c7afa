import { forEachName } from './for-each-name.ts';
import type { Invoked } from './list-options.ts';
import { networksOf } from './networks-of.ts';
import type { AddCommand } from './program.ts';

export const addNetworkInspect: AddCommand = (network, cli, ends) => {
  network.command('inspect').description('print all that is known of networks')
    .argument('<network...>')
    .action(ends(async (names: readonly string[], _options: object, command: Invoked) => {
      const networks = networksOf(command, cli);
      const found: object[] = [];
      const status = await forEachName(names, cli, async (name) => { found.push(await networks.inspect(name)); });
      cli.stdout.write(`${JSON.stringify(found, null, 4)}\n`);
      return status;
    }));
};
