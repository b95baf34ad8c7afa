import { operate } from './operate.ts';
import { addServices, seconds, type ServicesOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface StopOptions extends ServicesOptions { readonly timeout?: number }

export const addStop: AddCommand = (program, cli, ends) => {
  addServices(program.command('stop').description('stop containers, dependents first; they stay stopped until up, start or restart'))
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as each one says)', seconds)
    .action(ends(async (services: readonly string[], _own: StopOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<StopOptions>();
      return (await operate({ verb: 'stop', services, timeoutSeconds: options.timeout ?? null }, options, cli, 'nothing to stop')).status;
    }));
};
