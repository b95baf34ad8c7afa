import { humanSize } from './human-size.ts';
import { imagesOf } from './image-options.ts';
import type { Invoked } from './list-options.ts';
import { createdAt, imageId, since } from './image-rows.ts';
import { addTemplateFormat, isFormatted } from './options.ts';
import type { AddCommand } from './program.ts';
import { table } from './table.ts';

interface Options { readonly human: boolean; readonly quiet?: boolean; readonly trunc: boolean; readonly format?: string }

/** Characters of a command that fit a line. */
const COMMAND_WIDTH = 45;

export const addImageHistory: AddCommand = (image, cli, ends) => {
  addTemplateFormat(image.command('history').description('show how an image was made, newest step first'))
    .argument('<image>')
    .option('--no-human', 'sizes in bytes, times as dates')
    .option('-q, --quiet', 'IDs alone')
    .option('--no-trunc', 'whole IDs and commands')
    .action(ends(async (name: string, options: Options, command: Invoked) => {
      const now = Date.now();
      const rows = (await imagesOf(command, cli).history(name)).map((step) => ({
        id: imageId(step.Id, options.trunc), since: since(step.Created, now), at: createdAt(step.Created),
        by: shortened(step.CreatedBy.replaceAll('\t', ' '), options.trunc), size: options.human ? humanSize(step.Size) : String(step.Size), comment: step.Comment,
      }));
      if (options.quiet === true) cli.stdout.write(rows.map(({ id }) => `${id}\n`).join(''));
      else if (isFormatted(options.format)) cli.stdout.write((await import('./list-format.ts')).formatted(options.format, rows.map((row) => ({ Comment: row.comment, CreatedAt: row.at, CreatedBy: row.by, CreatedSince: row.since, ID: row.id, Size: row.size })), { titles: { ID: 'IMAGE', CreatedSince: 'CREATED' } }));
      else cli.stdout.write(table(['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'], rows.map((row) => [row.id, options.human ? row.since : row.at, row.by, row.size, row.comment])));
      return 0;
    }));
};

function shortened(text: string, truncate: boolean): string {
  return truncate && text.length > COMMAND_WIDTH ? `${text.slice(0, COMMAND_WIDTH - 1)}…` : text;
}
