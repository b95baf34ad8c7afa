import { clientOf } from './client-of.ts';
import { imagesMeant, transferAll } from './image-transfer.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface PushOptions extends StackOptions { readonly quiet?: boolean; readonly includeDeps?: boolean; readonly ignorePushFailures?: boolean }

export const addPush: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('push').description('push images to their registries: those of all services, or of the services and images that are named'))
    .argument('[name...]', 'services of the stack file, or images')
    .option('-q, --quiet', 'print the names of the images alone')
    .option('--include-deps', 'those too of what the services depend on').option('--ignore-push-failures', 'push what can be pushed, and call that success')
    .action(ends(async (names: readonly string[], _own: PushOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PushOptions>();
      const client = clientOf(options, cli);
      const meant = await imagesMeant(names, options, cli, options.includeDeps === true);
      const status = await transferAll([...meant.keys()], (image) => client.push(image), options.quiet === true, cli);
      return options.ignorePushFailures === true ? 0 : status;
    }));
};
