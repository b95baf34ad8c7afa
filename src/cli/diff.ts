import { clientOf } from './client-of.ts';
import { addStackOptions, revisionNumber, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';

export const addDiff: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('diff').description('print what has changed from one revision to another; exits 0 for nothing, 2 for something, 1 on error'))
    .argument('<from>', 'a revision that `history` lists', revisionNumber).argument('<to>', 'another one', revisionNumber)
    .action(ends(async (from: number, to: number, _own: StackOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<StackOptions>();
      const lines = await clientOf(options, cli).diffRevisions(await stackNameOf(options, cli), from, to);
      cli.stdout.write(lines.map((line) => `${line}\n`).join(''));
      return lines.length === 0 ? 0 : 2;
    }));
};
