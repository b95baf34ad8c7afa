import { BayplanError } from '../state/bayplan-error.ts';
import type { PlanFile } from '../state/plan-file.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { StackOptions } from './options.ts';
import { passView } from './pass-view.ts';
import { progressMode, type ProgressMode } from './progress-mode.ts';
import type { AddCommand } from './program.ts';

interface ApplyOptions extends StackOptions { readonly wait?: boolean; readonly progress: ProgressMode }

export const addApply: AddCommand = (program, cli, ends) => {
  program.command('apply').description('carry out a plan that `plan -o FILE` has kept; refused where the stack has changed since')
    .argument('<file>', 'the plan; - is standard input')
    .option('--wait', 'wait until the services are healthy, or have ended well')
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto')
    .action(ends(async (file: string, _own: ApplyOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ApplyOptions>();
      const { readPlanFile } = await import('./plan-file.ts');
      const { stack, revision, digest, request, load } = readPlanFile(file, cli.cwd);
      if ((options.projectName ?? stack) !== stack) throw new BayplanError('bad-request', `${file} is a plan for stack ${stack}, not for ${String(options.projectName)}: leave out -p, or make the plan anew`);
      const bytes = await bytesOf(request, load, options, cli);
      const view = passView(options.progress, cli);
      try {
        for await (const event of clientOf(options, cli).applyStack(stack, { ...request, bytes, expected: { revision, digest } }, { wait: options.wait === true, attached: false })) view.event(event);
        const status = view.finish();
        if (status === 0 && view.done === 0) view.note('nothing to do');
        return status;
      } finally {
        view.close();
      }
    }));
};

/** What the configs and secrets hold. They are in no plan, so the stack file says once more where they are; the engine compares. */
async function bytesOf({ desired }: PlanFile['request'], { envFile, ...load }: PlanFile['load'], options: StackOptions, cli: Cli): Promise<Record<string, string>> {
  if (Object.values(desired.contents).every(({ external }) => external)) return {};
  const { loadProject, requestOf } = await import('./stack-file.ts');
  return (await requestOf(loadProject({ ...load, ...(envFile === null ? {} : { envFile }) }, cli), options, cli)).bytes;
}
