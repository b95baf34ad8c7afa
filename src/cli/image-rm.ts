import { forEachName } from './for-each-name.ts';
import { imagesOf } from './image-options.ts';
import type { Invoked } from './list-options.ts';
import { removalLine } from './removal-line.ts';
import type { AddCommand } from './program.ts';

interface Options { readonly force?: boolean }

export const addImageRemove: AddCommand = (image, cli, ends) => {
  image.command('rm').alias('remove').description('remove images by name, and with their last name what they hold')
    .argument('<image...>')
    .option('-f, --force', 'take its names from an image that a container was made from, and all names at once from an ID')
    .option('--no-prune', 'keep parents without a name (there are none)')
    .action(ends(async (names: readonly string[], { force }: Options, command: Invoked) => {
      const images = imagesOf(command, cli);
      return await forEachName(names, cli, async (name) => {
        for (const removal of await images.remove(name, force === true)) cli.stdout.write(`${removalLine(removal)}\n`);
      });
    }));
};
