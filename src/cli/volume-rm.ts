import { forEachName } from './for-each-name.ts';
import type { Invoked } from './list-options.ts';
import type { AddCommand } from './program.ts';
import { volumesOf } from './volumes-of.ts';

export const addVolumeRemove: AddCommand = (volume, cli, ends) => {
  volume.command('rm').alias('remove').description('remove volumes that no container uses, and what they hold')
    .argument('<volume...>')
    .option('-f, --force', 'say nothing of those that are not there')
    .action(ends(async (names: readonly string[], { force }: { readonly force?: boolean }, command: Invoked) => {
      const volumes = volumesOf(command, cli);
      return await forEachName(names, cli, async (name) => {
        await volumes.remove(name, force === true);
        cli.stdout.write(`${name}\n`);
      });
    }));
};
