import { clientOf } from './client-of.ts';
import { imagesMeant, transferAll } from './image-transfer.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface PullOptions extends StackOptions { readonly quiet?: boolean }

export const addPull: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('pull').description('pull images from their registries: those of all services, or of the services and images that are named'))
    .argument('[name...]', 'services of the stack file, or images')
    .option('-q, --quiet', 'print the names of the images alone')
    .action(ends(async (names: readonly string[], _own: PullOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PullOptions>();
      const client = clientOf(options, cli);
      return await transferAll(await imagesMeant(names, options, cli), (image) => client.pull(image), options.quiet === true, cli);
    }));
};
