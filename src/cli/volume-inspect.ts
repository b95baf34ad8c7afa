import { forEachName } from './for-each-name.ts';
import type { Invoked } from './list-options.ts';
import { addTemplateFormat, isFormatted } from './options.ts';
import type { AddCommand } from './program.ts';
import { volumesOf } from './volumes-of.ts';

export const addVolumeInspect: AddCommand = (volume, cli, ends) => {
  addTemplateFormat(volume.command('inspect').description('print all that is known of volumes'), true)
    .argument('<volume...>')
    .action(ends(async (names: readonly string[], { format }: { readonly format?: string }, command: Invoked) => {
      const volumes = volumesOf(command, cli);
      const found: object[] = [];
      const status = await forEachName(names, cli, async (name) => { found.push(await volumes.inspect(name)); });
      cli.stdout.write(isFormatted(format) ? (await import('./list-format.ts')).formatted(format, found) : `${JSON.stringify(found, null, 4)}\n`);
      return status;
    }));
};
