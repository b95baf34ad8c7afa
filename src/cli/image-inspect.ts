import { forEachName } from './for-each-name.ts';
import { imagesOf } from './image-options.ts';
import type { Invoked } from './list-options.ts';
import { addTemplateFormat, isFormatted } from './options.ts';
import type { AddCommand } from './program.ts';

export const addImageInspect: AddCommand = (image, cli, ends) => {
  addTemplateFormat(image.command('inspect').description('print all that is known of images'), true)
    .argument('<image...>')
    .action(ends(async (names: readonly string[], { format }: { readonly format?: string }, command: Invoked) => {
      const images = imagesOf(command, cli);
      const found: object[] = [];
      const status = await forEachName(names, cli, async (name) => { found.push(await images.inspect(name)); });
      cli.stdout.write(isFormatted(format) ? (await import('./list-format.ts')).formatted(format, found) : `${JSON.stringify(found, null, 4)}\n`);
      return status;
    }));
};
