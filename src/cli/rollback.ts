import { clientOf } from './client-of.ts';
import { tellPlan } from './dry-run.ts';
import { addStackOptions, revisionNumber, type StackOptions } from './options.ts';
import { passView } from './pass-view.ts';
import { progressMode, type ProgressMode } from './progress-mode.ts';
import type { AddCommand } from './program.ts';
import { stackFolderOf } from './stack-folder.ts';
import { stackNameOf } from './stack-name.ts';

interface RollbackOptions extends StackOptions { readonly progress: ProgressMode }

export const addRollback: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('rollback').description('make the stack what it was at a former revision, with the images, configs and secrets of then'))
    .argument('[revision]', 'one that `history` lists (default: the last one that differs)', revisionNumber)
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto')
    .action(ends(async (revision: number | undefined, _own: RollbackOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<RollbackOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const from = stackFolderOf(options, cli);
      if (options.dryRun === true) return tellPlan(await client.planRollback(name, revision ?? null, from), cli);
      const view = passView(options.progress, cli);
      try {
        for await (const event of client.rollback(name, revision ?? null, from)) view.event(event);
        const status = view.finish();
        if (status === 0 && view.done === 0) view.note('nothing to do');
        return status;
      } finally {
        view.close();
      }
    }));
};
