import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { checkServices } from './no-service.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import { collect, type AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';

interface ExecOptions extends StackOptions { readonly user?: string; readonly workdir?: string; readonly env?: readonly string[]; readonly index?: string }

export const addExec: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('exec').description('run a command in a running container of a service; exits with its status'), false)
    .argument('<service>').argument('<command...>')
    .option('-T, --no-tty', 'no terminal (there is none yet in any case)')
    .option('-u, --user <user[:group]>', 'as this user')
    .option('-w, --workdir <folder>', 'in this folder')
    .option('-e, --env <KEY=VALUE>', 'with this variable, may be repeated', collect)
    .option('--index <number>', 'in this one of several containers')
    .passThroughOptions()
    .action(ends(async (service: string, argv: readonly string[], _own: ExecOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ExecOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const running = (await client.containers(name, false)).filter(({ Bayplan }) => Bayplan.service === service && (options.index === undefined || String(Bayplan.slot) === options.index));
      const [container] = running.toSorted((a, b) => a.Bayplan.slot - b.Bayplan.slot);
      if (container === undefined) await checkServices([service], name, (await client.containers(name, true)).map(({ Bayplan }) => Bayplan.service), client);
      if (container === undefined) throw new BayplanError('not-running', `no container of service "${service}" is running in stack "${name}": see \`bayplan ps -a\``);
      const environment = (options.env ?? []).map((entry) => (entry.includes('=') ? entry : `${entry}=${cli.env[entry] ?? ''}`));
      return await client.exec(container.Id, { argv, environment, user: options.user ?? '', workingDir: options.workdir ?? '' }, { stdin: cli.stdin, stdout: cli.stdout, stderr: cli.stderr });
    }));
};
