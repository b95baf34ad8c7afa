import { forEachName } from './for-each-name.ts';
import { imagesOf } from './image-options.ts';
import { jsonLines, type Invoked } from './list-options.ts';
import { addFormat } from './options.ts';
import type { AddCommand } from './program.ts';

export const addImageInspect: AddCommand = (image, cli, ends) => {
  addFormat(image.command('inspect').description('print all that is known of images'))
    .argument('<image...>')
    .action(ends(async (names: readonly string[], { format }: { readonly format?: 'json' | 'table' }, command: Invoked) => {
      const images = imagesOf(command, cli);
      const found: object[] = [];
      const status = await forEachName(names, cli, async (name) => { found.push(await images.inspect(name)); });
      cli.stdout.write(format === 'json' ? jsonLines(found) : `${JSON.stringify(found, null, 4)}\n`);
      return status;
    }));
};
