import { InvalidArgumentError } from 'commander';
import { addFileOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface ConfigOptions extends StackOptions { readonly format?: 'json' | 'yaml'; readonly quiet?: boolean; readonly services?: boolean }

export const addConfig: AddCommand = (program, cli, ends) => {
  addFileOptions(program.command('config').description('print the stack file as it is understood, in its canonical form'))
    .option('--format <format>', '"yaml" or "json"', (value) => {
      if (value !== 'json' && value !== 'yaml') throw new InvalidArgumentError('Expected json or yaml.');
      return value;
    })
    .option('-q, --quiet', 'only check the file')
    .option('--services', 'print the names of the services alone')
    .action(ends(async (_own: ConfigOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ConfigOptions>();
      const { configJson, configYaml, loadProject } = await import('./stack-file.ts');
      const project = loadProject(options, cli);
      if (options.quiet === true) return 0;
      if (options.services === true) cli.stdout.write(Object.keys(project.services).map((name) => `${name}\n`).join(''));
      else cli.stdout.write(options.format === 'json' ? `${configJson(project)}\n` : configYaml(project));
      return 0;
    }));
};
