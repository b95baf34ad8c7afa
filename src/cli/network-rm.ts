import { forEachName } from './for-each-name.ts';
import type { Invoked } from './list-options.ts';
import { networksOf } from './networks-of.ts';
import type { AddCommand } from './program.ts';

export const addNetworkRemove: AddCommand = (network, cli, ends) => {
  network.command('rm').alias('remove').description('remove networks that no container is on')
    .argument('<network...>')
    .action(ends(async (names: readonly string[], _options: object, command: Invoked) => {
      const networks = networksOf(command, cli);
      return await forEachName(names, cli, async (name) => {
        await networks.remove(name);
        cli.stdout.write(`${name}\n`);
      });
    }));
};
