import { clientOf } from './client-of.ts';
import { late } from './late.ts';
import { operate } from './operate.ts';
import { stackNameOf } from './stack-name.ts';
import { addServices, seconds, type ServicesOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface StartOptions extends ServicesOptions { readonly wait?: boolean; readonly waitTimeout?: number }

export const addStart: AddCommand = (program, cli, ends) => {
  addServices(program.command('start').description('start containers that are there, and those they depend on'))
    .option('--wait', 'wait until they are healthy')
    .option('--wait-timeout <seconds>', 'for so long at the most', seconds)
    .action(ends(async (services: readonly string[], _own: StartOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<StartOptions>();
      const wait = options.wait === true || options.waitTimeout !== undefined;
      const signal = options.waitTimeout === undefined ? undefined : AbortSignal.timeout(options.waitTimeout * 1000);
      try {
        return (await operate({ verb: 'start', services, wait }, { ...options, ...(signal === undefined ? {} : { abort: signal }) }, cli)).status;
      } catch (error) {
        if (signal?.aborted !== true) throw error;
        throw await late(clientOf(options, cli), await stackNameOf(options, cli), options.waitTimeout ?? 0);
      }
    }));
};
