import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { tellPlan, tellSteps } from './dry-run.ts';
import { addServices, type ServicesOptions } from './options.ts';
import { passView } from './pass-view.ts';
import type { AddCommand } from './program.ts';

interface WatchOptions extends ServicesOptions { readonly up: boolean; readonly quiet?: boolean; readonly prune: boolean }

const INTERRUPTED = 130;

export const addWatch: AddCommand = (program, cli, ends) => {
  addServices(program.command('watch').description('bring the stack up and follow its files: make it anew when they change, and do what develop.watch says'))
    .option('--no-up', 'it is up already').option('--quiet', 'do not show how far pulls are').option('--prune', 'accepted for docker compose\'s sake: no images are built', true).option('--no-prune', 'likewise')
    .action(ends(async (services: readonly string[], _own: WatchOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<WatchOptions>();
      const { loadProject, lockWatch, upRequest, StackWatch } = await import('./stack-file.ts');
      if (options.file?.includes('-') === true) throw new BayplanError('bad-request', '-f -: standard input cannot be followed');
      const client = clientOf(options, cli);
      const load: ConstructorParameters<typeof StackWatch>[0]['load'] = async (seen) => {
        const project = loadProject(options, cli, { named: services, keepUnused: options.allResources === true }, seen);
        return { project, request: await upRequest(project, services, { ...options, recreate: true }, client, cli, seen) };
      };
      const seen = new Set<string>();
      const loaded = await load(seen);
      if (options.dryRun === true) {
        const follows = [`watch-files ${loaded.project.name}  (${[...seen].sort().join(', ')})`];
        return options.up ? tellPlan(await client.planStack(loaded.project.name, loaded.request), cli, follows) : tellSteps(follows, cli);
      }
      const unlock = await lockWatch(client.socket, loaded.project.name);
      const ending = new AbortController();
      const release = cli.onInterrupt(() => ending.abort());
      const first = passView(options.progress, cli, options.quiet === true);
      try {
        if (options.up) {
          for await (const event of client.applyStack(loaded.project.name, loaded.request, { wait: false, attached: true }, ending.signal)) first.event(event);
          const status = first.finish();
          if (status !== 0) return status;
        }
        const plain = options.progress === 'auto' || options.progress === 'tty' ? 'plain' : options.progress;
        await new StackWatch({
          load, services, client, view: () => passView(plain, cli), print: (text) => first.print(text), tell: (line) => first.note(`⦿ ${line}`), complain: (line) => void cli.stderr.write(`bayplan: ${line}\n`),
        }, loaded, seen).run(ending.signal);
        return INTERRUPTED;
      } catch (error) {
        if (!ending.signal.aborted) throw error;
        return INTERRUPTED;
      } finally {
        first.close();
        release();
        unlock();
      }
    }));
};
