import { clientOf } from './client-of.ts';
import { imagesMeant, transferAll } from './image-transfer.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface PushOptions extends StackOptions { readonly quiet?: boolean }

export const addPush: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('push').description('push images to their registries'))
    .argument('<name...>', 'images, or services of the stack file')
    .option('-q, --quiet', 'print the names of the images alone')
    .action(ends(async (names: readonly string[], _own: PushOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PushOptions>();
      const client = clientOf(options, cli);
      return await transferAll(await imagesMeant(names, options, cli), (image) => client.push(image), options.quiet === true, cli);
    }));
};
