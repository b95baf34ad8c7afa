import { clientOf } from './client-of.ts';
import { tellSteps } from './dry-run.ts';
import { imagesMeant, transferAll } from './image-transfer.ts';
import { addFileOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { progressMode, type ProgressMode } from './progress-mode.ts';

interface PushOptions extends StackOptions { readonly progress: ProgressMode; readonly quiet?: boolean; readonly includeDeps?: boolean; readonly ignorePushFailures?: boolean }

export const addPush: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('push').description('push images to their registries: those of all services, or of the services and images that are named'))
    .argument('[name...]', 'services of the stack file, or images')
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto')
    .option('-q, --quiet', 'print the names of the images alone')
    .option('--include-deps', 'those too of what the services depend on').option('--ignore-push-failures', 'push what can be pushed, and call that success')
    .action(ends(async (names: readonly string[], _own: PushOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PushOptions>();
      const client = clientOf(options, cli);
      const meant = await imagesMeant(names, options, cli, options.includeDeps === true);
      if (options.dryRun === true) return tellSteps([...meant.keys()].map((image) => `push-image ${image}  (push was asked for)`), cli);
      const status = await transferAll([...meant.keys()], (image) => client.push(image), { mode: options.progress, namesOnly: options.quiet === true }, cli);
      return options.ignorePushFailures === true ? 0 : status;
    }));
};
