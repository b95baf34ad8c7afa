import { operate } from './operate.ts';
import { addServices, type ServicesOptions } from './options.ts';
import type { AddCommand } from './program.ts';

export const addPause: AddCommand = (program, cli, ends) => {
  addServices(program.command('pause').description('freeze containers; unpause, start or up lets them go on'))
    .action(ends(async (services: readonly string[], _own: ServicesOptions, command: { optsWithGlobals<T>(): T }) =>
      (await operate({ verb: 'pause', services }, command.optsWithGlobals<ServicesOptions>(), cli, 'nothing to pause')).status));
};
