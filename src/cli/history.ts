import { clientOf } from './client-of.ts';
import { addFormat, addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';
import { table } from './table.ts';

interface HistoryOptions extends StackOptions { readonly format?: 'json' | 'table' }

export const addHistory: AddCommand = (program, cli, ends) => {
  addFormat(addStackOptions(program.command('history').description('list the revisions of the stack that are kept, latest first, and what each has changed')))
    .action(ends(async (_own: HistoryOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<HistoryOptions>();
      const all = await clientOf(options, cli).history(await stackNameOf(options, cli));
      if (options.format === 'json') {
        cli.stdout.write(`${JSON.stringify(all)}\n`);
        return 0;
      }
      const rows = all.map(({ revision, at, title, why, current, changes }) => [`${revision}${current ? ' *' : ''}`, at === 0 ? '' : new Date(at).toISOString().replace(/\.\d+Z$/, 'Z'), title, shortened([...(why === undefined ? [] : [`after a failure: ${why}`]), ...changes])]);
      cli.stdout.write(table(['REVISION', 'ACCEPTED', 'BY', 'CHANGES'], rows));
      return 0;
    }));
};

const WIDEST = 80;

function shortened(changes: readonly string[]): string {
  const [first = '', ...others] = changes;
  const text = first.length > WIDEST ? `${first.slice(0, WIDEST)}…` : first;
  return others.length === 0 ? text : `${text} (and ${others.length} more)`;
}
