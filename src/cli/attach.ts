import { DEFAULT_DETACH_KEYS } from '../state/detach-keys.ts';
import { attached } from './attached.ts';
import { clientOf } from './client-of.ts';
import { nameOf } from '../client/container-summary.ts';
import { tellSteps } from './dry-run.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { runningContainer } from './running-container.ts';
import { stackNameOf } from './stack-name.ts';

interface AttachOptions extends StackOptions { readonly index?: string; readonly stdin: boolean; readonly detachKeys: string }

export const addAttach: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('attach').description('take part in what a service\'s container reads and writes; exits with its status'), false)
    .argument('<service>')
    .option('--index <number>', 'the one of several containers')
    .option('--no-stdin', 'only show what it writes')
    .option('--sig-proxy [yes]', 'pass signals on (accepted for docker\'s sake: they are in any case)', true)
    .option('--detach-keys <keys>', 'what to type to leave it running', DEFAULT_DETACH_KEYS)
    .action(ends(async (service: string, _own: AttachOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<AttachOptions>();
      const client = clientOf(options, cli);
      const container = await runningContainer(await stackNameOf(options, cli), service, options.index, client, cli);
      if (options.dryRun === true) return tellSteps([`attach-container ${nameOf(container)}  (attach was asked for)`], cli);
      const { Id } = container;
      const { Config } = await client.inspectContainer(Id);
      return await attached(client, Id, { tty: Config.Tty, stdin: options.stdin && Config.OpenStdin, detachKeys: options.detachKeys, start: null }, cli);
    }));
};
