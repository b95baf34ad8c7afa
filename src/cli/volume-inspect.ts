import { forEachName } from './for-each-name.ts';
import { jsonLines, type Invoked } from './list-options.ts';
import { addFormat } from './options.ts';
import type { AddCommand } from './program.ts';
import { volumesOf } from './volumes-of.ts';

export const addVolumeInspect: AddCommand = (volume, cli, ends) => {
  addFormat(volume.command('inspect').description('print all that is known of volumes'))
    .argument('<volume...>')
    .action(ends(async (names: readonly string[], { format }: { readonly format?: 'json' | 'table' }, command: Invoked) => {
      const volumes = volumesOf(command, cli);
      const found: object[] = [];
      const status = await forEachName(names, cli, async (name) => { found.push(await volumes.inspect(name)); });
      cli.stdout.write(format === 'json' ? jsonLines(found) : `${JSON.stringify(found, null, 4)}\n`);
      return status;
    }));
};
