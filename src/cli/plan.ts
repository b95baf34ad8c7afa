import { printPlan } from '../plan/print.ts';
import { clientOf } from './client-of.ts';
import { addFileOptions, addFormat, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface PlanOptions extends StackOptions { readonly format?: 'json' | 'table'; readonly removeOrphans?: boolean }

export const addPlan: AddCommand = (program, cli, ends) => {
  addFormat(addFileOptions(program.command('plan').description('print what `up` would do and why; exits 0 for nothing, 2 for something, 1 on error')))
    .option('--remove-orphans', 'as `up --remove-orphans`')
    .action(ends(async (_own: PlanOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PlanOptions>();
      const { loadProject, requestOf } = await import('./stack-file.ts');
      const project = loadProject(options, cli);
      const { plan } = await clientOf(options, cli).planStack(project.name, requestOf(project, options.removeOrphans === true, cli));
      if (options.format === 'json') cli.stdout.write(`${JSON.stringify(plan, null, 2)}\n`);
      else cli.stdout.write(plan.steps.length === 0 ? `${printPlan(plan)}nothing to do\n` : printPlan(plan));
      return plan.steps.length === 0 ? 0 : 2;
    }));
};
