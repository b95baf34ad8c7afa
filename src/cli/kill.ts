import { operate } from './operate.ts';
import { addServices, type ServicesOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface KillOptions extends ServicesOptions { readonly signal: string; readonly removeOrphans?: boolean }

export const addKill: AddCommand = (program, cli, ends) => {
  addServices(program.command('kill').description('send containers a signal; what SIGKILL has ended stays so until up, start or restart'))
    .option('-s, --signal <signal>', 'name or number', 'SIGKILL').option('--remove-orphans', 'accepted for docker compose\'s sake: up and down remove them')
    .action(ends(async (services: readonly string[], _own: KillOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<KillOptions>();
      return (await operate({ verb: 'kill', services, signal: options.signal }, options, cli, 'no container to kill')).status;
    }));
};
