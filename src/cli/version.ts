import { EngineAbsent } from '../client/errors.ts';
import { clientOf } from './client-of.ts';
import type { AddCommand } from './program.ts';

export const addVersion: AddCommand = (program, cli, ends) => {
  program.command('version').description('print the versions of this program and of the engine that runs')
    .action(ends(async (_own: object, command: { optsWithGlobals<T>(): T }) => {
      cli.stdout.write(`bayplan ${cli.version}\n`);
      try {
        const { Version, ApiVersion } = await clientOf(command.optsWithGlobals<{ readonly root?: string }>(), cli, false).version();
        cli.stdout.write(`engine  ${Version} (Docker Engine API ${ApiVersion})\n`);
      } catch (error) {
        if (!(error instanceof EngineAbsent)) throw error;
        cli.stdout.write('engine  not running\n');
      }
      return 0;
    }));
};
