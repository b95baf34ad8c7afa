import { clientOf } from './client-of.ts';
import { confirmed } from './confirmed.ts';
import { meantServices } from './meant-services.ts';
import { operate } from './operate.ts';
import { addServices, type ServicesOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';

interface RmOptions extends ServicesOptions { readonly force?: boolean; readonly stop?: boolean; readonly volumes?: boolean }

export const addRm: AddCommand = (program, cli, ends) => {
  addServices(program.command('rm').description('remove containers that do not run'), false)
    .option('-f, --force', 'do not ask').option('-s, --stop', 'those that run too, which are stopped first').option('-v, --volumes', 'their anonymous volumes too')
    .option('-a, --all', 'accepted for docker compose\'s sake')
    .action(ends(async (services: readonly string[], _own: RmOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<RmOptions>();
      const [client, stack] = [clientOf(options, cli), await stackNameOf(options, cli)];
      const meant = services.length > 0 ? null : await meantServices(stack, options, cli, client);
      const there = (await client.containers(stack, true)).filter(({ Bayplan, State }) =>
        Bayplan.owner === 'stack' && (meant?.services.includes(Bayplan.service) ?? (services.length === 0 || services.includes(Bayplan.service))) && (options.stop === true || !['running', 'paused'].includes(State)));
      const names = there.map(({ Names }) => Names[0]?.slice(1) ?? '').toSorted();
      if (names.length > 0 && options.dryRun !== true) {
        cli.stdout.write(`Going to remove ${names.join(', ')}\n`);
        if (options.force !== true && !await confirmed('Are you sure? [y/N] ', cli)) return 0;
      }
      const request = { verb: 'remove', services, stop: options.stop === true, volumes: options.volumes === true ? 'anonymous' : 'none' } as const;
      return (await operate(request, options, cli, options.stop === true ? 'No containers' : 'No stopped containers')).status;
    }));
};
