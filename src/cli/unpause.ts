import { operate } from './operate.ts';
import { addServices, type ServicesOptions } from './options.ts';
import type { AddCommand } from './program.ts';

export const addUnpause: AddCommand = (program, cli, ends) => {
  addServices(program.command('unpause').description('let paused containers go on'))
    .action(ends(async (services: readonly string[], _own: ServicesOptions, command: { optsWithGlobals<T>(): T }) =>
      (await operate({ verb: 'unpause', services }, command.optsWithGlobals<ServicesOptions>(), cli, 'nothing to unpause')).status));
};
