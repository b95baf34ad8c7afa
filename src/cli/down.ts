import { InvalidArgumentError } from 'commander';
import { ImageClient } from '../client/image-client.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { PassEvent } from '../state/messages.ts';
import { clientOf } from './client-of.ts';
import { tellPlan, tellSteps } from './dry-run.ts';
import { checkServices } from './no-service.ts';
import { meantServices } from './meant-services.ts';
import { addServices, seconds, type ServicesOptions } from './options.ts';
import { passView, type PassView } from './pass-view.ts';
import type { AddCommand } from './program.ts';
import { callProviders, providersMeant } from './provider-calls.ts';
import { stackFolderOf } from './stack-folder.ts';
import { stackNameOf } from './stack-name.ts';

interface DownOptions extends ServicesOptions { readonly volumes?: boolean; readonly timeout?: number; readonly removeOrphans?: boolean; readonly rmi?: 'local' | 'all' }

export const addDown: AddCommand = (program, cli, ends) => {
  addServices(program.command('down').description('remove the stack\'s containers and networks, or the containers of the named services alone'))
    .option('-v, --volumes', 'remove its volumes too, and what is in them')
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as each one says)', seconds)
    .option('--rmi <which>', 'remove images too: "all" that the services name, or those that are "local" because none names them', (value) => {
      if (value !== 'local' && value !== 'all') throw new InvalidArgumentError('Expected local or all.');
      return value;
    })
    .option('--remove-orphans', 'what other stack files have brought up under the same name too')
    .action(ends(async (given: readonly string[], _own: DownOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<DownOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const meant = given.length > 0 || options.removeOrphans === true ? null : await meantServices(name, options, cli, client, ' (--remove-orphans removes it too)');
      const named = meant === null ? given : [...meant.services, ...meant.providers];
      if (meant !== null && named.length === 0) return tellSteps([...meant.notes, `nothing to remove of stack "${name}" that is in this stack file`], cli);
      const { providers, services } = await providersMeant(name, named, client);
      const alone = named.length > 0 && services.length === 0;
      const images = options.rmi === 'all' && !alone ? await imagesOf(name, services, client) : []; // every image here has been loaded or pulled by its name: none is local in docker's sense
      const from = stackFolderOf(options, cli);
      if (given.length > 0 && services.length > 0) await checkServices(services, name, (await client.containers(name, true)).map(({ Bayplan }) => Bayplan.service), client);
      const whole = { volumes: options.volumes === true, timeout: options.timeout ?? null, from };
      const part = { verb: 'remove', services, stop: true, oneOffs: true, volumes: options.volumes === true ? 'named' : 'none', timeoutSeconds: options.timeout ?? null, from } as const;
      if (options.dryRun === true) {
        const more = [...meant?.notes ?? [], ...[...providers].reverse().map(([service, { type }]) => `provider-down ${service}  (provider ${type})`), ...images.map((image) => `remove-image ${image}  (--rmi)`)];
        if (alone) return tellSteps(more, cli);
        return tellPlan(named.length === 0 ? await client.planRemoval(name, whole) : await client.planOperation(name, part), cli, more);
      }
      const view = passView(options.progress, cli);
      try {
        for (const note of meant?.notes ?? []) view.note(note);
        const atOnce = named.length === 0 && providers.size === 0;
        if (!alone && !await shown(atOnce ? client.removeStack(name, whole) : client.operate(name, part), view)) {
          view.note(`nothing to remove: there is no stack "${name}"`);
          return 0;
        }
        const first = alone ? 0 : view.finish();
        const provided = first === 0 ? await callProviders('down', name, providers, (line) => { view.note(line); }, cli) : 0;
        // What knows of the providers goes last: one that has failed can be asked again.
        const status = first !== 0 || atOnce || named.length > 0 ? first : await removed(client.removeStack(name, whole), view);
        if (status === 0) await removeImages(images, client, view);
        if (status === 0 && view.done + provided === 0) view.note(`nothing to remove of stack "${name}"`);
        return status;
      } finally {
        view.close();
      }
    }));
};

async function removed(events: AsyncIterable<PassEvent>, view: PassView): Promise<number> {
  await shown(events, view);
  return view.finish();
}

/** False: there is no such stack. */
async function shown(events: AsyncIterable<PassEvent>, view: PassView): Promise<boolean> {
  try {
    for await (const event of events) view.event(event);
    return true;
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'not-found') return false;
    throw error;
  }
}

/** What the containers of these services, none: of all, were made from. */
async function imagesOf(stack: string, services: readonly string[], client: EngineClient): Promise<readonly string[]> {
  return [...new Set((await client.containers(stack, true)).filter(({ Bayplan }) => services.length === 0 || services.includes(Bayplan.service)).map(({ Image }) => Image))].sort();
}

/** One that others use stays, and is named. */
async function removeImages(images: readonly string[], client: EngineClient, view: PassView): Promise<void> {
  for (const image of images) {
    try {
      await new ImageClient(client).remove(image, false);
      view.note(`remove-image ${image}  (--rmi)`);
    } catch (error) {
      if (!(error instanceof BayplanError && (error.code === 'conflict' || error.code === 'image-not-found'))) throw error;
      view.note(`note: image ${image} stays: ${error.message}`);
    }
  }
}
