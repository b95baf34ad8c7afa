import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { addStackOptions, seconds, type StackOptions } from './options.ts';
import { PassPrinter } from './pass-printer.ts';
import type { AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';

interface DownOptions extends StackOptions { readonly volumes?: boolean; readonly timeout?: number; readonly removeOrphans?: boolean }

export const addDown: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('down').description('remove the stack\'s containers and networks'))
    .option('-v, --volumes', 'remove its volumes too, and what is in them')
    .option('-t, --timeout <seconds>', 'how long containers have to stop (default: as each one says)', seconds)
    .option('--remove-orphans', 'accepted for docker compose\'s sake: all that belongs to the stack goes in any case')
    .action(ends(async (_own: DownOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<DownOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const printer = new PassPrinter((text) => cli.stdout.write(text));
      try {
        for await (const event of client.removeStack(name, { volumes: options.volumes === true, timeout: options.timeout ?? null })) printer.event(event);
      } catch (error) {
        if (!(error instanceof BayplanError && error.code === 'not-found')) throw error;
        cli.stdout.write(`nothing to remove: there is no stack "${name}"\n`);
        return 0;
      }
      const status = printer.finish();
      if (status === 0 && printer.done === 0) cli.stdout.write(`nothing to remove of stack "${name}"\n`);
      return status;
    }));
};
