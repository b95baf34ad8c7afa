import { EngineAbsent } from '../client/errors.ts';
import { clientOf } from './client-of.ts';
import { addFormat } from './options.ts';
import type { AddCommand } from './program.ts';

interface VersionOptions { readonly root?: string; readonly short?: boolean; readonly format?: 'json' | 'table' }

export const addVersion: AddCommand = (program, cli, ends) => {
  addFormat(program.command('version').description('print the versions of this program and of the engine that runs'), true)
    .option('--short', 'this program\'s number alone')
    .action(ends(async (_own: VersionOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<VersionOptions>();
      if (options.short === true) cli.stdout.write(`${cli.version}\n`);
      else {
        const engine = await clientOf(options, cli, false).version().catch((error: unknown) => {
          if (error instanceof EngineAbsent) return null;
          throw error;
        });
        if (options.format === 'json') cli.stdout.write(`${JSON.stringify({ version: cli.version, ...(engine === null ? {} : { engine: { version: engine.Version, apiVersion: engine.ApiVersion } }) })}\n`);
        else cli.stdout.write(`bayplan ${cli.version}\nengine  ${engine === null ? 'not running' : `${engine.Version} (Docker Engine API ${engine.ApiVersion})`}\n`);
      }
      return 0;
    }));
};
