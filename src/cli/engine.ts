import { resolve } from 'node:path';
import { EngineAbsent } from '../client/errors.ts';
import { realRoot } from '../client/real-root.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { rootOf } from './options.ts';
import { disableEngine, enableEngine } from './engine-unit.ts';
import type { AddCommand } from './program.ts';

type Options = { readonly root?: string };

export const addEngine: AddCommand = (program, cli, ends) => {
  const engine = program.command('engine').description('the process behind the containers; other commands start it by themselves');
  engine.command('run', { isDefault: true }).description('run it here until it is stopped; containers go on').allowExcessArguments()
    .action(ends(async (_own: Options, command: { readonly args: readonly string[]; optsWithGlobals<T>(): T }) => {
      // What is no command of `engine` is taken for an argument of the default one.
      const [word] = command.args;
      if (word !== undefined) throw new BayplanError('bad-request', `unknown command "engine ${word}": expected run, stop, status, enable, disable or sweep`);
      await cli.runEngine(rootOf(command.optsWithGlobals<Options>(), cli));
      return 0;
    }));
  engine.command('stop').description('stop it; containers go on').option('--containers', 'stop them too, in order; the next engine starts them again')
    .action(ends(async ({ containers = false }: { readonly containers?: boolean }, command: { optsWithGlobals<T>(): T }) => {
      try {
        const { running = 0, stopped = 0 } = await clientOf(command.optsWithGlobals<Options>(), cli, false).stopEngine(containers);
        const ended = stopped === 0 ? '' : `; ${stopped === 1 ? '1 container' : `${stopped} containers`} stopped, for the next engine to start`;
        const goOn = running === 0 ? '' : running === 1 ? '; 1 container goes on' : `; ${running} containers go on`;
        cli.stdout.write(`engine stopped${ended}${goOn}\n`);
        return containers && running > 0 ? 1 : 0; // one could not be stopped, or the engine is of a build that stops none
      } catch (error) {
        if (!(error instanceof EngineAbsent)) throw error;
        cli.stdout.write('no engine is running\n');
      }
      return 0;
    }));
  engine.command('enable').description('have systemd run it, now and with the machine, and stop its containers in order where the machine goes down').option('--dry-run', 'only say what would be done')
    .action(ends(async (_own: Options, command: { optsWithGlobals<T>(): T }) => {
      await enableEngine(command.optsWithGlobals<Options>(), cli);
      return 0;
    }));
  engine.command('disable').description('undo `enable`; containers go on').option('--dry-run', 'only say what would be done')
    .action(ends(async (_own: Options, command: { optsWithGlobals<T>(): T }) => {
      await disableEngine(command.optsWithGlobals<Options>(), cli);
      return 0;
    }));
  engine.command('sweep [roots...]').description('remove what engines have left on this machine whose root folders are gone: links, packet rules, mounts, cgroups').option('--kill', 'end what still runs of them too').option('--dry-run', 'only say what would be removed')
    .action(ends(async (roots: readonly string[], { kill = false }: { readonly kill?: boolean }, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<Options & { readonly dryRun?: boolean }>();
      const dryRun = options.dryRun === true;
      const { removed, kept } = await clientOf(options, cli).sweep({ kill, dryRun, roots: roots.map((root) => realRoot(resolve(cli.cwd, root))) });
      for (const line of removed) cli.stdout.write(`${dryRun ? 'would remove' : 'removed'} ${line}\n`);
      for (const line of kept) cli.stdout.write(`kept ${line}\n`);
      if (removed.length + kept.length === 0) cli.stdout.write('nothing is left of engines that are gone\n');
      return 0;
    }));
  engine.command('status').description('say whether it runs; exits 0 when it does, 3 when not')
    .action(ends(async (_own: Options, command: { optsWithGlobals<T>(): T }) => {
      const client = clientOf(command.optsWithGlobals<Options>(), cli, false);
      try {
        const { Version } = await client.version();
        cli.stdout.write(`engine ${Version} is running on ${client.socket}\n`);
        for (const line of await client.warnings()) cli.stdout.write(`${line}\n`);
        return 0;
      } catch (error) {
        if (!(error instanceof EngineAbsent)) throw error;
        cli.stdout.write(`no engine is running for ${client.root}\n`);
        return 3;
      }
    }));
};
