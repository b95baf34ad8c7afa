import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { addStackOptions, seconds, type StackOptions } from './options.ts';
import { passView } from './pass-view.ts';
import { progressMode, type ProgressMode } from './progress-mode.ts';
import type { AddCommand } from './program.ts';
import { stackFolderOf } from './stack-folder.ts';
import { stackNameOf } from './stack-name.ts';

interface DownOptions extends StackOptions { readonly volumes?: boolean; readonly timeout?: number; readonly removeOrphans?: boolean; readonly progress: ProgressMode }

export const addDown: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('down').description('remove the stack\'s containers and networks'))
    .option('-v, --volumes', 'remove its volumes too, and what is in them')
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as each one says)', seconds)
    .option('--remove-orphans', 'accepted for docker compose\'s sake: all that belongs to the stack goes in any case')
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto')
    .action(ends(async (_own: DownOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<DownOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const view = passView(options.progress, cli);
      try {
        for await (const event of client.removeStack(name, { volumes: options.volumes === true, timeout: options.timeout ?? null, from: stackFolderOf(options, cli) })) view.event(event);
      } catch (error) {
        if (!(error instanceof BayplanError && error.code === 'not-found')) throw error;
        view.note(`nothing to remove: there is no stack "${name}"`);
        return 0;
      } finally {
        view.close();
      }
      const status = view.finish();
      if (status === 0 && view.done === 0) view.note(`nothing to remove of stack "${name}"`);
      return status;
    }));
};
