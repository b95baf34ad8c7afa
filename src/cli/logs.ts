import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { addStackOptions, lineCount, type StackOptions } from './options.ts';
import { inColour } from './in-colour.ts';
import { LogPrinter } from './log-printer.ts';
import { checkServices } from './no-service.ts';
import type { AddCommand } from './program.ts';
import { tellSetAside } from './set-aside.ts';
import { stackNameOf } from './stack-name.ts';
import { timeOption } from './time-option.ts';

interface LogsOptions extends StackOptions { readonly all?: boolean; readonly follow?: boolean; readonly tail: string; readonly timestamps?: boolean; readonly color: boolean; readonly logPrefix: boolean; readonly since?: string; readonly until?: string; readonly index?: string }

export const addLogs: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('logs').description('show what the services wrote'), false)
    .argument('[service...]', 'only these services')
    .option('-a, --all', 'what one-offs of `run` wrote too')
    .option('-f, --follow', 'go on with what they write')
    .option('-n, --tail <lines>', 'only the last lines of each container', lineCount, 'all')
    .option('-t, --timestamps', 'show when each line was written')
    .option('--since <time>', 'from this time on: a date, seconds since the epoch, or as long ago as 10m').option('--until <time>', 'up to this time')
    .option('--index <number>', 'of this one of several containers')
    .option('--no-color', 'plain names')
    .option('--no-log-prefix', 'no names')
    .action(ends(async (services: readonly string[], _own: LogsOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<LogsOptions>();
      const name = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const output = new LogPrinter(name, { colour: inColour(options, cli), prefix: options.logPrefix, timestamps: options.timestamps === true });
      await tellSetAside(name, client, cli);
      const there = await client.containers(name, true);
      await checkServices(services, name, there.map(({ Bayplan }) => Bayplan.service), client);
      const names = there.filter(({ Bayplan }) => (options.all === true || Bayplan.owner !== 'oneoff' || Bayplan.slot > 0) && (services.length === 0 || services.includes(Bayplan.service)) && (options.index === undefined || String(Bayplan.slot) === options.index)).flatMap(({ Names }) => Names);
      if (options.index !== undefined && names.length === 0) throw new BayplanError('not-found', `no container ${options.index}${services.length === 0 ? '' : ` of ${services.join(', ')}`} in stack "${name}": see \`bayplan ps -a\``);
      output.expect(names.map((each) => each.replace(/^\//, '')));
      for await (const line of client.stackLogs(name, { services, follow: options.follow === true, end: true, oneOffs: options.all === true, tail: options.tail, index: options.index, since: timeOf(options.since), until: timeOf(options.until) })) {
        if (!cli.stdout.write(output.line(line))) await new Promise<void>((resolve) => cli.stdout.once('drain', resolve));
      }
      return 0;
    }));
};

function timeOf(time: string | undefined): string | undefined {
  return time === undefined ? undefined : timeOption(time);
}
