import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { operate } from './operate.ts';
import { addServices, seconds, type ServicesOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';

interface RestartOptions extends ServicesOptions { readonly timeout?: number; readonly deps: boolean }

export const addRestart: AddCommand = (program, cli, ends) => {
  addServices(program.command('restart').description('stop containers and start them again as they are; says where the stack file asks for another one by now'))
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as each one says)', seconds)
    .option('--no-deps', 'leave alone what depends on them with "restart: true"')
    .action(ends(async (services: readonly string[], _own: RestartOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<RestartOptions>();
      const done = await operate({ verb: 'restart', services, timeoutSeconds: options.timeout ?? null, dependencies: options.deps }, options, cli);
      for (const line of await outdated(done.name, services, options, done.client, cli)) done.note(line);
      return done.status;
    }));
};

/** Containers that are not what the stack file says, a line each; none where no file is at hand. */
async function outdated(name: string, services: readonly string[], options: StackOptions, client: EngineClient, cli: Cli): Promise<readonly string[]> {
  const { knownProviders, loadSilently, requestOf } = await import('./stack-file.ts');
  try {
    const project = loadSilently(options, cli, { named: services });
    if (project === null) return ['note: the stack file has mistakes, which `bayplan config` shows: whether the containers are what it says was not looked at'];
    if (project.name !== name) return [];
    const { plan } = await client.planStack(name, await requestOf(project, options, cli, { providers: await knownProviders(project, client) }));
    return plan.steps.flatMap((step) => {
      if (step.action !== 'remove-container') return [];
      const service = plan.steps.flatMap((other) => (other.action === 'create-container' && other.args.name === step.args.name ? [other.args.identity.service] : []))[0];
      if (service === undefined || (services.length > 0 && !services.includes(service))) return [];
      return [`note: ${step.args.name} is not what the stack file says (${step.why}): \`up ${service}\` makes it so`];
    });
  } catch (error) {
    if (error instanceof BayplanError && ['no-file', 'no-runner', 'runner'].includes(error.code)) return [];
    throw error;
  }
}
