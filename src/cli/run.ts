import { resolve } from 'node:path';
import { Option } from 'commander';
import { DEFAULT_DETACH_KEYS } from '../state/detach-keys.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { StackRequest } from '../state/messages.ts';
import { USUAL_PASS } from '../state/pass-options.ts';
import { attached } from './attached.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import { tellPlan, tellSteps } from './dry-run.ts';
import { label, type KeyValues } from './key-values.ts';
import { namedVariables } from './named-variables.ts';
import { noService } from './no-service.ts';
import type { StackOptions } from './options.ts';
import { PassPrinter } from './pass-printer.ts';
import { collect, type AddCommand } from './program.ts';
import { pullPolicy, withPullPolicy, type PullPolicy } from './pull-policy.ts';
import { orphansIgnored } from './orphans-ignored.ts';
import { bytesFor, selectServices, withDependencies } from './select-services.ts';
import { stackFolderOf } from './stack-folder.ts';
import { wantsTerminal } from './terminal.ts';

interface RunOptions extends StackOptions {
  readonly rm?: boolean; readonly detach?: boolean; readonly tty?: boolean; readonly TTY: boolean; readonly interactive: boolean; readonly deps: boolean; readonly env?: readonly string[]; readonly envFromFile?: readonly string[]; readonly volume?: readonly string[];
  readonly publish?: readonly string[]; readonly servicePorts?: boolean; readonly useAliases?: boolean; readonly entrypoint?: string; readonly name?: string; readonly user?: string; readonly workdir?: string;
  readonly detachKeys: string; readonly label?: KeyValues; readonly capAdd?: readonly string[]; readonly capDrop?: readonly string[]; readonly quietPull?: boolean; readonly pull?: PullPolicy; readonly removeOrphans?: boolean; readonly build?: boolean; readonly quiet?: boolean;
}

export const addRun: AddCommand = (program, cli, ends) => {
  program.command('run').description('run a command in a new container of a service; exits with its status')
    .argument('<service>').argument('[command...]')
    .option('--project-name <name>', 'name of the stack').option('-f, --file <file>', 'stack file, may be repeated', collect)
    .option('--profile <name>', 'take services of this profile too, may be repeated', collect).option('--env-file <file>', 'read variables from this file instead of .env, may be repeated', collect)
    .option('--rm', 'remove the container at its end')
    .option('-d, --detach', 'leave it running in the background, and print its ID')
    .option('-i, --interactive', 'with the standard input', true).option('--no-interactive', 'without')
    .option('-t, --tty', 'with a terminal (default: where this one is used for both input and output)').option('-T, --no-tty', 'without a terminal').addOption(new Option('--no-TTY').hideHelp())
    .option('--no-deps', 'do not start what the service depends on')
    .option('-e, --env <KEY=VALUE>', 'with this variable, may be repeated', collect).option('--env-from-file <file>', 'with the variables of this file, may be repeated', collect)
    .option('-v, --volume <SOURCE:TARGET>', 'with this mount too, may be repeated', collect)
    .option('-p, --publish <HOST:CONTAINER>', 'publish this port, may be repeated', collect).option('-P, --service-ports', 'publish the service\'s ports')
    .option('--use-aliases', 'lead the service\'s names to it too')
    .option('--entrypoint <command>', 'in place of the service\'s').option('--name <name>', 'of the container')
    .option('-u, --user <user[:group]>', 'as this user').option('-w, --workdir <folder>', 'in this folder')
    .option('-l, --label <KEY=VALUE>', 'with this label, may be repeated', label).option('--cap-add <capability>', 'with this capability, may be repeated', collect).option('--cap-drop <capability>', 'without it, may be repeated', collect)
    .option('--pull <policy>', 'when to pull images, in place of what the file says: always, missing or never', pullPolicy).option('--quiet-pull', 'do not show how far pulls are').option('-q, --quiet', 'likewise, and what else is done before').option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('--build', 'refused: building images is not built yet').addOption(new Option('--quiet-build').hideHelp())
    .option('--detach-keys <keys>', 'what to type to leave it running', DEFAULT_DETACH_KEYS)
    .passThroughOptions()
    .action(ends(async (service: string, argv: readonly string[], _own: RunOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<RunOptions>();
      if (options.build === true) throw new BayplanError('not-built', '--build: images cannot be built yet: build it elsewhere, and load it');
      const { bringingUp, bringUpProviders, desiredOneOff, envFromFiles, knownProviders, loadProject, oneOffProject, providersAsked, providerSteps, requestOf } = await import('./stack-file.ts');
      const project = loadProject(options, cli, { named: [service] });
      if (project.services[service] === undefined) throw noService(service, 'the stack file', Object.keys(project.services));
      const client = clientOf(options, cli);
      const tty = options.detach === true ? options.tty === true : wantsTerminal(options.TTY ? options.tty : false, cli);
      const stdin = options.detach !== true && options.interactive;
      const oneOff = {
        command: argv, entrypoint: options.entrypoint ?? null, environment: { ...envFromFiles(options.envFromFile ?? [], cli), ...namedVariables(options.env ?? [], cli) }, user: options.user ?? '', workingDir: options.workdir ?? '',
        volumes: options.volume ?? [], publish: options.publish ?? [], cwd: cli.cwd, servicePorts: options.servicePorts === true, aliases: options.useAliases === true, tty, stdin, remove: options.rm === true,
        labels: options.label ?? {}, capAdd: options.capAdd ?? [], capDrop: options.capDrop ?? [],
      };
      const name = options.name ?? `${project.name}-${service}-run-${Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString('hex')}`;
      const { provider, depends_on: needs = {} } = project.services[service];
      if (provider !== undefined) throw new BayplanError('bad-request', `service "${service}" is no container: provider ${provider.type} provides it`);
      const known = await knownProviders(project, client);
      const needed = options.deps ? Object.keys(needs) : [];
      const tell = (line: string): void => { if (options.quiet !== true) cli.stderr.write(`${line}\n`); };
      const providers = options.dryRun !== true && needed.length > 0 ? await bringUpProviders(project, needed, { known, before: bringingUp(project, { ...options, progress: 'quiet' }, client, cli) }, tell, cli) : known;
      if (options.dryRun !== true && Object.keys(project.models).length > 0) await (await import('./models.ts')).bringUpModels(project, [service], tell, cli);
      const first = options.deps || options.removeOrphans === true
        ? await dependencies(withPullPolicy({ ...await requestOf(project, options, cli, { removeOrphans: options.removeOrphans === true, from: stackFolderOf(options, cli), providers, services: [service] }), options: { ...USUAL_PASS, ...orphansIgnored(options, cli) } }, options.pull), service, client, providers !== known) : null;
      const request = withPullPolicy(await requestOf(oneOffProject(project, service, oneOff, resolve), options, cli, { providers }), options.pull);
      if (options.dryRun === true) {
        const steps = [...(needed.length === 0 ? [] : providerSteps(providersAsked(project, needed, true))), `create-container ${name}  (run was asked for)`, `start-container ${name}  (run was asked for)`];
        return first === null ? tellSteps(steps, cli) : tellPlan(await client.planStack(project.name, first.request), cli, steps);
      }
      if (first !== null) await start(first, service, client, cli);
      const id = await client.createOneOff(project.name, { ...request, desired: desiredOneOff(request.desired, service, name, oneOff) });
      if (options.detach === true) {
        await client.startContainer(id);
        cli.stdout.write(`${id}\n`);
        return 0;
      }
      return await attached(client, id, { tty, stdin, detachKeys: options.detachKeys, start: () => client.startContainer(id) }, cli);
    }));
};

/** What a one-off of the service needs first, as the conditions of its dependencies say; null: it depends on nothing. `asked`: providers have been, which the stack is to know, so that `down` asks them too. */
async function dependencies(request: StackRequest, service: string, client: EngineClient, asked: boolean): Promise<{ readonly request: StackRequest; readonly wait: boolean } | null> {
  const needed = Object.entries(request.desired.services[service]?.dependsOn ?? {});
  if (needed.length === 0 && !asked) return null;
  const current = await client.stack(request.desired.stack).catch((error: unknown) => {
    if (error instanceof BayplanError && error.code === 'not-found') return null;
    throw error;
  });
  const names = needed.map(([name]) => name);
  const only = [...withDependencies(request.desired, names)]; // what of the stack a person has stopped stays so
  const desired = selectServices(request.desired, current?.desired ?? null, names);
  return { request: { ...request, desired, bytes: bytesFor(desired, request.bytes), options: { ...USUAL_PASS, ...request.options, only } }, wait: needed.some(([, { condition }]) => condition !== 'service_started') };
}

/** What is done goes to stderr, for the output is the command's. */
async function start({ request, wait }: { readonly request: StackRequest; readonly wait: boolean }, service: string, client: EngineClient, cli: Cli): Promise<void> {
  const printer = new PassPrinter((text) => cli.stderr.write(text));
  for await (const event of client.applyStack(request.desired.stack, request, { wait, attached: true })) printer.event(event);
  if (printer.finish() !== 0) throw new BayplanError('dependencies', `what service "${service}" depends on could not be started`);
}
