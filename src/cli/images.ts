import { ImageClient } from '../client/image-client.ts';
import { clientOf } from './client-of.ts';
import { imageRows, imageTable } from './image-rows.ts';
import { addFormat } from './options.ts';
import type { AddCommand } from './program.ts';

interface ImagesOptions { readonly root?: string; readonly format?: 'json' | 'table' }

export const addImages: AddCommand = (program, cli, ends) => {
  addFormat(program.command('images').description('list the images in the store'))
    .action(ends(async (_own: ImagesOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<ImagesOptions>();
      const rows = imageRows(await new ImageClient(clientOf(options, cli)).list({})).toSorted((a, b) => (`${a.repository}:${a.tag}` < `${b.repository}:${b.tag}` ? -1 : 1));
      cli.stdout.write(options.format === 'json'
        ? `${JSON.stringify(rows.map((row) => ({ Repository: row.repository, Tag: row.tag, ID: row.id, CreatedAt: row.created, Size: row.size })), null, 2)}\n`
        : imageTable(rows, { digests: false, truncate: true }));
      return 0;
    }));
};
