import { printPlan } from '../plan/print.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { USUAL_PASS } from '../state/pass-options.ts';
import type { PlanFile } from '../state/plan-file.ts';
import { clientOf } from './client-of.ts';
import { addFileOptions, addFormat, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { orphansIgnored } from './orphans-ignored.ts';
import { stackFolderOf } from './stack-folder.ts';

interface PlanOptions extends StackOptions { readonly format?: 'json' | 'table'; readonly removeOrphans?: boolean; readonly output?: string; readonly drift?: boolean }

export const addPlan: AddCommand = (program, cli, ends) => {
  addFormat(addFileOptions(program.command('plan').description('print what `up` would do and why; exits 0 for nothing, 2 for something, 1 on error')))
    .option('--remove-orphans', 'as `up --remove-orphans`')
    .option('-o, --output <file>', 'keep the plan there, for `apply`')
    .option('--drift', 'print what has been changed by hand since, and what becomes of it, instead')
    .action(ends(async (_own: PlanOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PlanOptions>();
      if (options.drift === true) return await (await import('./drift.ts')).printDrift(options, cli);
      const { knownProviders, loadOf, loadProject, providersAsked, requestOf } = await import('./stack-file.ts');
      const project = loadProject(options, cli, { keepUnused: options.allResources === true });
      const client = clientOf(options, cli);
      const providers = await knownProviders(project, client);
      const unknown = options.output === undefined ? undefined : [...providersAsked(project, [], true)].find(([service]) => providers[service] === undefined);
      if (unknown !== undefined) throw new BayplanError('bad-request', `plan -o: service "${unknown[0]}": provider ${unknown[1].type} has not been asked yet, and what it answers is part of the plan: bring the stack up by "up" first`);
      const { bytes, ...request } = await requestOf(project, options, cli, { removeOrphans: options.removeOrphans === true, unused: options.allResources === true, from: stackFolderOf(options, cli), providers });
      const ignored = orphansIgnored(options, cli);
      const { plan, revision, digest, settings = [] } = await client.planStack(project.name, { ...request, bytes, ...(ignored.ignoreOrphans === true ? { options: { ...USUAL_PASS, ...ignored } } : {}) });
      if (options.output !== undefined) {
        const [{ writePlanFile }, { PLAN_FILE_VERSION }] = await Promise.all([import('./plan-file.ts'), import('../state/plan-file.ts')]);
        const kept: PlanFile = { kind: 'bayplan-plan', version: PLAN_FILE_VERSION, stack: project.name, revision, digest, load: { ...loadOf(options, cli), projectName: project.name }, request, plan: { steps: [...plan.steps], notes: [...plan.notes] } };
        writePlanFile(options.output, kept, cli.cwd);
      }
      if (options.format === 'json') cli.stdout.write(`${JSON.stringify(plan, null, 2)}\n`);
      const idle = plan.steps.length === 0 && settings.length === 0;
      if (options.format !== 'json') cli.stdout.write(idle ? `${printPlan(plan)}nothing to do\n` : printPlan(plan));
      return idle ? 0 : 2;
    }));
};
