import type { Filters } from '../client/filters-query.ts';
import { imagesOf } from './image-options.ts';
import { addFilter, type Invoked } from './list-options.ts';
import { imageId, imageRecord, imageRows, imageTable } from './image-rows.ts';
import { addTemplateFormat, isFormatted } from './options.ts';
import type { AddCommand } from './program.ts';

interface Options { readonly all?: boolean; readonly digests?: boolean; readonly quiet?: boolean; readonly trunc: boolean; readonly filter?: Filters; readonly format?: string }

export const addImageList: AddCommand = (image, cli, ends) => {
  addFilter(addTemplateFormat(image.command('ls').alias('list').description('list images')), 'dangling, reference, label, before, since, until')
    .argument('[repository]', 'those of this name alone: REPOSITORY[:TAG]')
    .option('-a, --all', 'intermediate ones too (there are none)')
    .option('--digests', 'show digests')
    .option('-q, --quiet', 'IDs alone')
    .option('--no-trunc', 'whole IDs')
    .action(ends(async (repository: string | undefined, options: Options, command: Invoked) => {
      const filters = { ...options.filter, ...(repository === undefined ? {} : { reference: [...(options.filter?.['reference'] ?? []), repository] }) };
      const rows = imageRows(await imagesOf(command, cli).list(filters));
      if (options.quiet === true) cli.stdout.write(rows.map(({ id }) => `${imageId(id, options.trunc)}\n`).join(''));
      else if (isFormatted(options.format)) cli.stdout.write((await import('./list-format.ts')).formatted(options.format, rows.map((row) => imageRecord(row, options.trunc)), { titles: { ID: 'IMAGE ID', CreatedSince: 'CREATED' } }));
      else cli.stdout.write(imageTable(rows, { digests: options.digests === true, truncate: options.trunc }));
      return 0;
    }));
};
