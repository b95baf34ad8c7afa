import { clientOf } from './client-of.ts';
import { tellSteps } from './dry-run.ts';
import { meantServices } from './meant-services.ts';
import { operate } from './operate.ts';
import { addServices, seconds, type ServicesOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { callProviders, providersMeant } from './provider-calls.ts';
import { stackNameOf } from './stack-name.ts';

interface StopOptions extends ServicesOptions { readonly timeout?: number }

export const addStop: AddCommand = (program, cli, ends) => {
  addServices(program.command('stop').description('stop containers, dependents first; they stay stopped until up, start or restart'))
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as each one says)', seconds)
    .action(ends(async (named: readonly string[], _own: StopOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<StopOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const meant = named.length > 0 ? null : await meantServices(name, options, cli, client);
      const { providers, services } = await providersMeant(name, meant === null ? named : [...meant.services, ...meant.providers], client);
      const tell = (line: string): void => { if (options.progress !== 'quiet' && options.progress !== 'json') cli.stdout.write(`${line}\n`); };
      const alone = named.length > 0 && services.length === 0;
      if (alone && options.dryRun === true) return tellSteps([...providers].map(([service, { type }]) => `provider-stop ${service}  (provider ${type})`), cli);
      const { status } = alone ? { status: 0 } : await operate({ verb: 'stop', services: meant === null ? services : [], timeoutSeconds: options.timeout ?? null }, options, cli, 'nothing to stop');
      if (status === 0 && options.dryRun !== true) await callProviders('stop', name, providers, tell, cli);
      return status;
    }));
};
