import type { EngineClient } from '../client/engine-client.ts';
import type { Project } from '../stack/index.ts';
import type { StackRequest } from '../state/messages.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import { dryRun } from './dry-run.ts';
import { runInForeground } from './foreground.ts';
import { inColour } from './in-colour.ts';
import { late } from './late.ts';
import { addUpOptions, type UpOptions } from './make-options.ts';
import { noService } from './no-service.ts';
import { addServices } from './options.ts';
import { LivePass } from './live-pass.ts';
import { PassPrinter } from './pass-printer.ts';
import { passView, type PassView } from './pass-view.ts';
import type { AddCommand } from './program.ts';
import { UpMenu } from './up-menu.ts';
import { type Watching, WatchSwitch } from './watch-switch.ts';

export const addUp: AddCommand = (program, cli, ends) => {
  addUpOptions(addServices(program.command('up').description('make the containers as the stack file says; of the named services, and what they depend on')))
    .action(ends(async (services: readonly string[], _own: UpOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<UpOptions>();
      const aborts = options.abortOnContainerExit === true || options.abortOnContainerFailure === true || options.exitCodeFrom !== undefined;
      const wait = options.wait === true || options.waitTimeout !== undefined;
      const detached = options.detach === true || wait || !options.start;
      if (aborts && detached) throw new BayplanError('bad-request', '--abort-on-container-exit, --abort-on-container-failure and --exit-code-from are for the foreground: leave out --detach, --wait and --no-start');
      if (options.watch === true && (detached || options.file?.includes('-') === true)) throw new BayplanError('bad-request', detached ? '--watch is for the foreground: leave out --detach, --wait and --no-start' : '-f -: standard input cannot be followed');
      const { loadProject, lockWatch, providersAsked, providerSteps, upRequest, StackWatch } = await import('./stack-file.ts');
      const client = clientOf(options, cli);
      const load = async (seen: Set<string>, how = options): ReturnType<ConstructorParameters<typeof StackWatch>[0]['load']> => {
        const project = loadProject(options, cli, { named: services, keepUnused: how.allResources === true }, seen);
        return { project, request: await upRequest(project, services, how, client, cli, seen) };
      };
      const seen = new Set<string>();
      const loaded = await load(seen);
      const { project, request } = loaded;
      if (options.dryRun === true) return await dryRun(project.name, request, client, cli, providerSteps(providersAsked(project, services, options.deps)));
      const view = passView(options.progress, cli, options.quietPull === true);
      const menu = !detached && view instanceof LivePass && cli.stdin.isTTY === true && options.file?.includes('-') !== true && wantsMenu(options.menu, cli.env);
      const unlock = options.watch === true && !menu ? await lockWatch(client.socket, project.name) : () => undefined;
      const { forceRecreate: _once, renewAnonVolumes: _too, ...again } = options;
      const complain = (line: string): void => menu ? view.print(`bayplan: ${line}\n`) : void cli.stderr.write(`bayplan: ${line}\n`);
      const watchOf = (of: typeof loaded, found: Set<string>): Watching => new StackWatch({
        load: (more) => load(more, again), services, client, view: () => (menu ? new PassPrinter((text) => view.print(text)) : passView(options.progress === 'auto' || options.progress === 'tty' ? 'plain' : options.progress, cli)),
        print: (text) => view.print(text), tell: (line) => view.note(`⦿ ${line}`), complain,
      }, of, found);
      const keys = menu ? new UpMenu(cli, (line) => view.menu(line), inColour(options, cli)) : null;
      const begin = async (): Promise<Watching> => {
        const found = new Set<string>();
        return watchOf(await load(found, again), found);
      };
      try {
        if (detached) return await runDetached(project.name, request, client, view, { wait, timeout: options.waitTimeout ?? null });
        return await runInForeground(project.name, request, client, view, {
          services: shownServices(project, services, options), named: services, abort: options.abortOnContainerFailure === true ? 'failure' : aborts ? 'exit' : 'never', exitCodeFrom: options.exitCodeFrom ?? null,
          colour: inColour(options, cli), prefix: options.logPrefix, timestamps: options.timestamps === true, watch: options.watch === true && !menu ? watchOf(loaded, seen) : null,
          menu: keys === null ? null : { keys, watch: new WatchSwitch({ lock: () => lockWatch(client.socket, project.name), begin, complain, turned: (on) => keys.watching(on) }), atOnce: options.watch === true },
        }, cli);
      } finally {
        view.close();
        unlock();
      }
    }));
};

/** As docker compose decides it: by the flag, else by COMPOSE_MENU. */
function wantsMenu(flag: boolean | string | undefined, env: Cli['env']): boolean {
  return String(flag ?? env['COMPOSE_MENU'] ?? 'false') === 'true' || (flag === undefined && env['COMPOSE_MENU'] === '1');
}

/** Services whose output is shown: those that are named with --attach, else those that are meant and have no `attach: false`. */
function shownServices(project: Project, named: readonly string[], { attach, noAttach, attachDependencies }: UpOptions): readonly string[] {
  const meant = named.length > 0 && attachDependencies !== true ? named : Object.keys(project.services);
  for (const service of attach ?? []) if (project.services[service] === undefined) throw noService(service, 'the stack file', Object.keys(project.services));
  const asked = attach ?? meant.filter((service) => project.services[service]?.attach !== false);
  return asked.filter((service) => noAttach?.includes(service) !== true);
}

async function runDetached(name: string, request: StackRequest, client: EngineClient, view: PassView, options: { readonly wait: boolean; readonly timeout: number | null }): Promise<number> {
  const over = options.timeout === null ? undefined : AbortSignal.timeout(options.timeout * 1000);
  try {
    for await (const event of client.applyStack(name, request, { wait: options.wait, attached: false }, over)) view.event(event);
  } catch (error) {
    throw over?.aborted === true ? await late(client, name, options.timeout ?? 0) : error;
  }
  const status = view.finish();
  if (status === 0 && view.done === 0) view.note('nothing to do');
  return status;
}
