import { forEachName } from './for-each-name.ts';
import type { Invoked } from './list-options.ts';
import { addTemplateFormat, isFormatted } from './options.ts';
import { networksOf } from './networks-of.ts';
import type { AddCommand } from './program.ts';

export const addNetworkInspect: AddCommand = (network, cli, ends) => {
  addTemplateFormat(network.command('inspect').description('print all that is known of networks'), true)
    .argument('<network...>')
    .action(ends(async (names: readonly string[], { format }: { readonly format?: string }, command: Invoked) => {
      const networks = networksOf(command, cli);
      const found: object[] = [];
      const status = await forEachName(names, cli, async (name) => { found.push(await networks.inspect(name)); });
      cli.stdout.write(isFormatted(format) ? (await import('./list-format.ts')).formatted(format, found) : `${JSON.stringify(found, null, 4)}\n`);
      return status;
    }));
};
