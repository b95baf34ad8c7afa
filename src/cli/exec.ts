import { Option } from 'commander';
import { DEFAULT_DETACH_KEYS } from '../state/detach-keys.ts';
import { clientOf } from './client-of.ts';
import { nameOf } from '../client/container-summary.ts';
import { tellSteps } from './dry-run.ts';
import { namedVariables } from './named-variables.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import { collect, type AddCommand } from './program.ts';
import { runningContainer } from './running-container.ts';
import { stackNameOf } from './stack-name.ts';
import { lendTerminal, terminalSize, wantsTerminal } from './terminal.ts';
import { whileInterruptible } from './while-interruptible.ts';

interface ExecOptions extends StackOptions { readonly user?: string; readonly workdir?: string; readonly env?: readonly string[]; readonly index?: string; readonly tty?: boolean; readonly TTY: boolean; readonly detach?: boolean; readonly privileged?: boolean; readonly detachKeys: string }

export const addExec: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('exec').description('run a command in a running container of a service; exits with its status'), false)
    .argument('<service>').argument('<command...>')
    .option('-d, --detach', 'do not wait for it')
    .option('-i, --interactive', 'accepted for docker\'s sake: it gets the standard input in any case')
    .option('-t, --tty', 'with a terminal (default: where this one is used for both input and output)')
    .option('-T, --no-tty', 'without a terminal').addOption(new Option('--no-TTY').hideHelp())
    .option('--detach-keys <keys>', 'what to type to leave it running', DEFAULT_DETACH_KEYS)
    .option('-u, --user <user[:group]>', 'as this user')
    .option('-w, --workdir <folder>', 'in this folder')
    .option('-e, --env <KEY=VALUE>', 'with this variable, may be repeated', collect)
    .option('--privileged', 'with all capabilities and without a filter of system calls')
    .option('--index <number>', 'in this one of several containers')
    .passThroughOptions()
    .action(ends(async (service: string, argv: readonly string[], _own: ExecOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ExecOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const container = await runningContainer(name, service, options.index, client, cli);
      if (options.dryRun === true) return tellSteps([`exec-container ${nameOf(container)}  (${argv.join(' ')})`], cli);
      const environment = Object.entries(namedVariables(options.env ?? [], cli)).map(([key, value]) => `${key}=${value}`);
      const tty = wantsTerminal(options.TTY ? options.tty : false, cli);
      const id = await client.createExec(container.Id, { argv, environment, user: options.user ?? '', workingDir: options.workdir ?? '', tty, privileged: options.privileged === true, ...(tty ? { detachKeys: options.detachKeys } : {}) });
      if (options.detach === true) {
        await client.startExecDetached(id);
        return 0;
      }
      const streams = { stdin: cli.stdin, stdout: cli.stdout, stderr: cli.stderr };
      if (!tty) return await whileInterruptible(cli, async () => await client.startExec(id, streams, { tty, detachKeys: null }, null) ?? 0, (kill) => client.interruptExec(id, kill));
      const code = await lendTerminal(cli, (size) => client.resizeExec(id, size), () => client.startExec(id, streams, { tty, detachKeys: options.detachKeys }, terminalSize(cli)));
      if (code === null) cli.stderr.write(`left running in container ${container.Names[0]?.slice(1) ?? ''}\n`);
      return code ?? 0;
    }));
};
